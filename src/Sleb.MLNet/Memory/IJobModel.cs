using Sleb.Core.Search;
using Sleb.Onnx;

namespace Sleb.MLNet.Memory;

/// <summary>The model of a job, in memory or streamed under a cap.</summary>
internal interface IJobModel : IDisposable
{
    IBlockScorer Scorer(IReadOnlyList<int[]> windows, Arithmetic arithmetic);

    /// <summary>The mean loss of each window with only <paramref name="alive"/> (null: all) in place.</summary>
    IReadOnlyList<double> WindowNll(IReadOnlyList<int[]> windows, IReadOnlyList<int>? alive, CancellationToken cancellationToken);

    /// <summary>The request with what the written folder is checked against.</summary>
    ExportRequest Checked(ExportRequest request, IReadOnlyList<int> survivors);

    /// <summary>Whether a folder of so many bytes may be loaded.</summary>
    bool MayLoad(long bytes);

    /// <summary>The dense model's greedy continuation of a prompt; null where it would take too long.</summary>
    IReadOnlyList<int>? Greedy(IReadOnlyList<int> prompt, int newTokens, IReadOnlyCollection<int> stopIds, CancellationToken cancellationToken);
}
