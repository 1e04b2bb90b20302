using Sleb.Core.Plan;

namespace Sleb.Core.Search;

/// <summary>
/// SLEB, algorithm 1 (Song et al., ICML 2024, arXiv 2402.09025): switch each alive block off in turn, measure the next-token loss on
/// calibration text, remove the block whose absence hurts least, look again, until enough are gone.
/// </summary>
/// <param name="scorer">Measures the model without a block.</param>
/// <param name="earlyBarrier">Alive blocks at the start that are never candidates.</param>
/// <param name="lateBarrier">Alive blocks at the end that are never candidates.</param>
/// <param name="trace">Remembers every loss, so that a search resumes where it was stopped; null keeps nothing.</param>
public sealed class SlebSearch(IBlockScorer scorer, int earlyBarrier = 1, int lateBarrier = 1, ISearchTrace? trace = null)
{
    /// <summary>The blocks to remove, one by one: each is yielded as it is decided.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The barriers leave fewer blocks than are to be removed.</exception>
    /// <exception cref="InvalidOperationException">The dense model or every candidate of a round has a non-finite loss.</exception>
    public IEnumerable<Removal> Run(int removeBlocks, Action<SearchProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        CheckBarriers(scorer.BlockCount, removeBlocks, earlyBarrier, lateBarrier);
        DenseLoss(cancellationToken);
        var alive = Enumerable.Range(0, scorer.BlockCount).ToList();
        for (int round = 1; round <= removeBlocks; round++)
        {
            var candidates = alive[earlyBarrier..^lateBarrier];
            var losses = Score(round, removeBlocks, alive, candidates, progress, cancellationToken);
            var removal = Decide(round, losses);
            alive.Remove(removal.Block);
            yield return removal;
        }
    }

    /// <summary>The loss of the dense model on the calibration windows.</summary>
    public CandidateLosses DenseLoss(CancellationToken cancellationToken = default)
    {
        var known = trace?.Find(round: 0, ISearchTrace.Dense);
        var dense = known ?? new(ISearchTrace.Dense, scorer.Score([.. Enumerable.Range(0, scorer.BlockCount)], cancellationToken));
        if (!double.IsFinite(dense.MeanNll))
            throw new InvalidOperationException("The dense model has a non-finite loss on the calibration text, so nothing can be compared to it; check the weights and the text.");
        if (known is null) trace?.Append(round: 0, dense);
        return dense;
    }

    internal static void CheckBarriers(int blocks, int removeBlocks, int earlyBarrier, int lateBarrier)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(earlyBarrier);
        ArgumentOutOfRangeException.ThrowIfNegative(lateBarrier);
        int most = Math.Max(0, Math.Min(blocks - earlyBarrier - lateBarrier, blocks - 1));
        if (removeBlocks < 1 || removeBlocks > most)
            throw new ArgumentOutOfRangeException(nameof(removeBlocks), removeBlocks,
                $"The model has {blocks} blocks, of which the first {earlyBarrier} and the last {lateBarrier} stay: 1 to {most} can be removed.");
    }

    private List<CandidateLosses> Score(
        int round, int rounds, List<int> alive, List<int> candidates, Action<SearchProgress>? progress, CancellationToken cancellationToken)
    {
        var losses = new List<CandidateLosses>();
        var open = new List<int>();
        foreach (int block in candidates)
        {
            if (trace?.Find(round, block) is { } known) losses.Add(known);
            else open.Add(block);
        }
        if (open.Count > 0)
            foreach (var scored in scorer.ScoreWithout(alive, open, cancellationToken))
            {
                trace?.Append(round, scored);
                losses.Add(scored);
                progress?.Invoke(new(round, rounds, losses.Count, candidates.Count, scored));
            }
        losses.Sort((a, b) => a.Block.CompareTo(b.Block));
        return losses;
    }

    private static Removal Decide(int round, List<CandidateLosses> losses)
    {
        // Stable: on an exact tie the lowest index stays chosen. A non-finite loss never wins.
        var ranked = losses.Where(loss => double.IsFinite(loss.MeanNll)).OrderBy(loss => loss.MeanNll).ToList();
        if (ranked.Count == 0)
            throw new InvalidOperationException($"Every candidate of round {round} has a non-finite loss; check the weights and the calibration text.");
        var (best, second) = (ranked[0], ranked.Count > 1 ? ranked[1] : null);
        return new Removal
        {
            Block = best.Block,
            MeanNll = best.MeanNll,
            RunnerUp = second?.Block,
            Margin = second is null ? null : second.MeanNll - best.MeanNll,
            MarginStandardError = second is null ? null : PairedDifference.StandardError(best.WindowNll, second.WindowNll),
            Candidates = [.. losses.Select(loss => new CandidateScore(loss.Block, Finite(loss.MeanNll), Finite(loss.MeanNll)))],
        };
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
