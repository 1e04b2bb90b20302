using Sleb.Core.Search;

namespace Sleb.Tests.Search;

/// <summary>A scorer with a known answer: each window's loss is a function of the blocks in place; counts what it is asked.</summary>
internal sealed class TableScorer(int blocks, int windows, Func<IReadOnlyList<int>, int, double> loss) : IBlockScorer
{
    public int BlockCount => blocks;

    /// <summary>Every candidate scored, as the alive blocks without it.</summary>
    public List<string> Scored { get; } = [];

    public IReadOnlyList<double> Score(IReadOnlyList<int> alive, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Scored.Add(string.Join(',', alive));
        return [.. Enumerable.Range(0, windows).Select(window => loss(alive, window))];
    }

    public IEnumerable<CandidateLosses> ScoreWithout(IReadOnlyList<int> alive, IReadOnlyList<int> candidates, CancellationToken cancellationToken) =>
        candidates.Select(block => new CandidateLosses(block, Score([.. alive.Where(other => other != block)], cancellationToken)));
}
