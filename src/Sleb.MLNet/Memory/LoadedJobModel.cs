using Sleb.Core.Search;
using Sleb.Onnx;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;

namespace Sleb.MLNet.Memory;

/// <summary>A job without a memory cap: the whole model is there.</summary>
internal sealed class LoadedJobModel(TorchModel model) : IJobModel
{
    public IBlockScorer Scorer(IReadOnlyList<int[]> windows, Arithmetic arithmetic) => new TorchBlockScorer(model, windows, arithmetic);

    public IReadOnlyList<double> WindowNll(IReadOnlyList<int[]> windows, IReadOnlyList<int>? alive, CancellationToken cancellationToken) =>
        model.WindowNll(windows, alive, cancellationToken);

    public ExportRequest Checked(ExportRequest request, IReadOnlyList<int> survivors)
    {
        Allocator.GiveBack(); // what the search kept; ONNX Runtime has a heap of its own
        return request with { ReferenceLogits = ids => model.Logits(ids, survivors) };
    }

    public bool MayLoad(long bytes) => true;

    public IReadOnlyList<int>? Greedy(IReadOnlyList<int> prompt, int newTokens, IReadOnlyCollection<int> stopIds, CancellationToken cancellationToken) =>
        model.Greedy(prompt, newTokens, stopIds, null, cancellationToken);

    public void Dispose() => model.Dispose();
}
