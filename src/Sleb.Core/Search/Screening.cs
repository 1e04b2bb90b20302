namespace Sleb.Core.Search;

/// <summary>
/// Lets float32 decide among candidates that were scored in a cheaper arithmetic: the best, and every one that lies within the noise
/// of the best, is scored again. The noise is what the two arithmetics were seen to differ by in the search so far.
/// </summary>
internal sealed class Screening(Arithmetic arithmetic)
{
    /// <summary>Times the largest difference of a window's loss: means over windows differ by less than that alone.</summary>
    private const double Safety = 3;

    /// <summary>Nats per token; for the first comparisons, when little has been seen.</summary>
    private const double Floor = 1e-3;

    private double _largestDifference;

    private double Noise => Math.Max(Floor, Safety * _largestDifference);

    /// <summary>The float32 losses, on all windows, of every finalist that may win.</summary>
    public IReadOnlyList<CandidateLosses> Confirm(SearchRound round, IReadOnlyList<int> finalists)
    {
        if (arithmetic == Arithmetic.Fp32)
        {
            round.Measure(finalists, 0, round.Windows, Arithmetic.Fp32);
            return [.. finalists.Select(block => round.Losses(block, Arithmetic.Fp32))];
        }
        var confirmed = new List<CandidateLosses>();
        foreach (var screened in finalists.Select(block => round.Losses(block, arithmetic)).OrderBy(loss => Rank(loss.MeanNll)))
        {
            var best = confirmed.Where(loss => double.IsFinite(loss.MeanNll)).MinBy(loss => loss.MeanNll);
            if (best is not null && !MayWin(screened, best)) break;
            round.Measure([screened.Block], 0, round.Windows, Arithmetic.Fp32);
            var exact = round.Losses(screened.Block, Arithmetic.Fp32);
            confirmed.Add(exact);
            foreach (var (rough, fine) in screened.Windows.Zip(exact.Windows))
                if (Math.Abs(rough.Nll - fine.Nll) is var difference && double.IsFinite(difference)) _largestDifference = Math.Max(_largestDifference, difference);
        }
        return confirmed;
    }

    /// <summary>Within the noise, or so close that the near-tie which will be reported should rest on float32.</summary>
    private bool MayWin(CandidateLosses screened, CandidateLosses best)
    {
        var behind = PairedDifference.OfWindows(best, screened);
        return behind.Mean <= Noise || behind.Mean < behind.StandardError;
    }

    /// <summary>What is not finite in a cheap arithmetic comes last.</summary>
    private static double Rank(double meanNll) => double.IsFinite(meanNll) ? meanNll : double.PositiveInfinity;
}
