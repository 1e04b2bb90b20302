using Sleb.Core.Plan;

namespace Sleb.Core.Search;

/// <summary>From a round's figures to the block that goes and how close it was.</summary>
internal static class Decision
{
    /// <param name="round">For messages.</param>
    /// <param name="confirmed">Candidates with float32 losses on all windows: the winner is one of them.</param>
    /// <param name="screened">Candidates that could not win by what another arithmetic says.</param>
    /// <param name="ruledOut">Candidates that were left behind on fewer windows.</param>
    /// <param name="asScreened">A confirmed candidate's losses in the arithmetic of those two: margins compare like with like.</param>
    /// <param name="lossIsOfTheResult">False where the losses are not those of the model that the removal leaves.</param>
    /// <exception cref="InvalidOperationException">No candidate has a finite loss.</exception>
    public static Removal ByLoss(int round, IReadOnlyList<CandidateLosses> confirmed, IReadOnlyList<CandidateLosses> screened, IReadOnlyList<CandidateLosses> ruledOut,
        Func<int, CandidateLosses> asScreened, bool lossIsOfTheResult)
    {
        // On an exact tie the lowest index stays chosen. A non-finite loss never wins.
        var best = confirmed.Where(loss => double.IsFinite(loss.MeanNll)).OrderBy(loss => loss.MeanNll).ThenBy(loss => loss.Block).FirstOrDefault()
            ?? throw new InvalidOperationException($"Every candidate of round {round} has a non-finite loss; check the weights and the calibration text.");
        var rough = asScreened(best.Block) is var screening && double.IsFinite(screening.MeanNll) ? screening : best;
        var (runnerUp, margin) = confirmed.Select(loss => (loss, best)).Concat(screened.Concat(ruledOut).Select(loss => (loss, best: rough)))
            .Where(pair => pair.loss.Block != best.Block && double.IsFinite(pair.loss.MeanNll))
            .Select(pair => (pair.loss.Block, Margin: PairedDifference.OfWindows(pair.best, pair.loss)))
            .OrderBy(other => other.Margin.Mean).ThenBy(other => other.Block)
            .Select(other => ((int?)other.Block, (PairedDifference?)other.Margin)).FirstOrDefault();
        return new Removal
        {
            Block = best.Block,
            MeanNll = lossIsOfTheResult ? best.MeanNll : null,
            RunnerUp = runnerUp,
            Margin = margin?.Mean,
            MarginStandardError = margin?.StandardError,
            Candidates = [.. confirmed.Select(Score)
                .Concat(screened.Select(loss => Score(loss) with { Screened = true }))
                .Concat(ruledOut.Select(loss => Score(loss) with { RuledOut = true }))
                .OrderBy(score => score.Block)],
        };

        CandidateScore Score(CandidateLosses loss)
        {
            double? mean = double.IsFinite(loss.MeanNll) ? loss.MeanNll : null;
            return new(loss.Block, lossIsOfTheResult ? mean : null, mean);
        }
    }

    /// <summary>By Block Influence: the dense model's, so nothing is measured.</summary>
    public static Removal ByInfluence(IReadOnlyList<int> candidates, IReadOnlyList<double> influence)
    {
        var ranked = candidates.OrderBy(block => influence[block]).ThenBy(block => block).ToList();
        return new Removal
        {
            Block = ranked[0],
            MeanNll = null,
            RunnerUp = ranked.Count > 1 ? ranked[1] : null,
            Margin = ranked.Count > 1 ? influence[ranked[1]] - influence[ranked[0]] : null,
            MarginStandardError = null,
            Candidates = [.. candidates.Select(block => new CandidateScore(block, null, influence[block]))],
        };
    }
}
