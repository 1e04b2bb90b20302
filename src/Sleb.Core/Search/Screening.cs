namespace Sleb.Core.Search;

/// <summary>
/// Lets float32 decide among candidates that were scored in a cheaper arithmetic: the best, and every one that lies within the noise
/// of the best, is scored again, until it lies outside. The noise is what the two arithmetics were seen to differ by in the search so
/// far: a part that all windows share, which is subtracted, and a part that averages out over windows.
/// </summary>
internal sealed class Screening(Arithmetic arithmetic)
{
    /// <summary>Times the root mean square difference of a window, times the square root of the windows in the cheaper arithmetic.</summary>
    private const double Safety = 4;

    /// <summary>Nats per token; below it float32 itself depends on the order of its sums.</summary>
    private const double Floor = 1e-4;

    /// <summary>With fewer differences than this the noise is not known, and whatever comes next may win.</summary>
    private const int FewestDifferences = 12;

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
            if (best is not null && !MayWin(screened, [], best)) break;
            bool may = true;
            var exact = new CandidateLosses(screened.Block, []);
            for (int start = 0; may && start < round.Windows; start += round.WindowsPerPass)
            {
                int seen = Math.Min(start + round.WindowsPerPass, round.Windows);
                round.Measure([screened.Block], start, seen - start, Arithmetic.Fp32);
                exact = round.Losses(screened.Block, Arithmetic.Fp32, seen);
                _differences.AddRange(screened.Windows.Zip(exact.Windows, (rough, fine) => rough.Nll - fine.Nll).Skip(start).Where(double.IsFinite));
                may = best is null || seen == round.Windows || MayWin(screened, exact.Windows, best);
            }
            if (may) confirmed.Add(exact);
        }
        return confirmed;
    }

    /// <summary>Within the noise of the best, where the first windows are known in float32.</summary>
    private bool MayWin(CandidateLosses screened, IReadOnlyList<WindowLoss> exact, CandidateLosses best)
    {
        if (_differences.Count < FewestDifferences) return true;
        double bias = _differences.Average(), square = _differences.Average(difference => difference * difference);
        int windows = screened.Windows.Count, left = windows - exact.Count;
        double behind = exact.Concat(screened.Windows.Skip(exact.Count)).Zip(best.Windows, (loss, other) => loss.Nll - other.Nll).Sum() - left * bias;
        return behind <= Math.Max(Floor * windows, Safety * Math.Sqrt(square * left));
    }

    /// <summary>What is not finite in a cheap arithmetic comes last.</summary>
    private static double Rank(double meanNll) => double.IsFinite(meanNll) ? meanNll : double.PositiveInfinity;
}
