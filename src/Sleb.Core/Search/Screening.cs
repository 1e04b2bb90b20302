namespace Sleb.Core.Search;

/// <summary>
/// Lets float32 decide among candidates that were scored in a cheaper arithmetic: the best, and every one that lies within the noise
/// of the best, is scored again. The noise is what the two arithmetics were seen to differ by in the search so far: a part that all
/// windows share, which is subtracted, and a part that averages out over windows.
/// </summary>
internal sealed class Screening(Arithmetic arithmetic)
{
    /// <summary>Times the root mean square difference of a window, over the square root of the windows.</summary>
    private const double Safety = 4;

    /// <summary>Nats per token; below it float32 itself depends on the order of its sums.</summary>
    private const double Floor = 1e-4;

    /// <summary>With fewer differences than this the noise is not known, and whatever comes next may win.</summary>
    private const int FewestDifferences = 16;

    private readonly List<double> _differences = [];

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
            _differences.AddRange(screened.Windows.Zip(exact.Windows, (rough, fine) => rough.Nll - fine.Nll).Where(double.IsFinite));
        }
        return confirmed;
    }

    /// <summary>Within the noise of the best.</summary>
    private bool MayWin(CandidateLosses screened, CandidateLosses best)
    {
        if (_differences.Count < FewestDifferences) return true;
        double bias = _differences.Average(), square = _differences.Average(difference => difference * difference);
        var behind = PairedDifference.OfWindows(best, screened);
        return behind.Mean - bias <= Math.Max(Floor, Safety * Math.Sqrt(square / screened.Windows.Count));
    }

    /// <summary>What is not finite in a cheap arithmetic comes last.</summary>
    private static double Rank(double meanNll) => double.IsFinite(meanNll) ? meanNll : double.PositiveInfinity;
}
