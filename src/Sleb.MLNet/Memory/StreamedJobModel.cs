using Sleb.Core.Search;
using Sleb.Onnx;
using Sleb.Torch.Streaming;

namespace Sleb.MLNet.Memory;

/// <summary>A job under a memory cap: one block is there at a time.</summary>
internal sealed class StreamedJobModel(StreamedModel model, MemoryBudget budget) : IJobModel
{
    public IBlockScorer Scorer(IReadOnlyList<int[]> windows, Arithmetic arithmetic) => new WavefrontScorer(model, windows, budget.States);

    public IReadOnlyList<double> WindowNll(IReadOnlyList<int[]> windows, IReadOnlyList<int>? alive, CancellationToken cancellationToken) =>
        new WavefrontScorer(model, windows, budget.States).WindowNll(alive, cancellationToken);

    public ExportRequest Checked(ExportRequest request, IReadOnlyList<int> survivors) => request with
    {
        Pieces = new CheckpointPieces(model),
        MatrixBytes = budget.Matrix,
    };

    public bool MayLoad(long bytes) => budget.Holds(bytes);

    public IReadOnlyList<int>? Greedy(IReadOnlyList<int> prompt, int newTokens, IReadOnlyCollection<int> stopIds, CancellationToken cancellationToken) => null;

    public void Dispose() => model.Dispose();
}
