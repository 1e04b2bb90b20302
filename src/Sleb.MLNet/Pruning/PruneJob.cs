namespace Sleb.MLNet.Pruning;

/// <summary>The main job: checkpoint and text in, plan and checked ONNX folder out.</summary>
internal static class PruneJob
{
    public static PruneResult Run(PruneRequest request, Action<PruneEvent>? progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException("written next");
}
