namespace Sleb.Core.Search;

/// <summary>Measures a model on the calibration windows with some of its blocks switched off.</summary>
/// <remarks>Losses are nats per token: the mean cross entropy over a window's T-1 next-token targets, logits in float32.</remarks>
public interface IBlockScorer
{
    /// <summary>The number of blocks of the dense model.</summary>
    int BlockCount { get; }

    /// <summary>The loss of every window with only the blocks <paramref name="alive"/> (ascending original indices) in place.</summary>
    IReadOnlyList<double> Score(IReadOnlyList<int> alive, CancellationToken cancellationToken);

    /// <summary>
    /// The same for <paramref name="alive"/> without each of <paramref name="candidates"/> (ascending, a subset of alive) in turn.
    /// Lazy: a candidate is scored when the enumerator reaches it, so that a caller can record it before the next one starts.
    /// </summary>
    IEnumerable<CandidateLosses> ScoreWithout(IReadOnlyList<int> alive, IReadOnlyList<int> candidates, CancellationToken cancellationToken);
}
