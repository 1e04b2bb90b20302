namespace Sleb.Core.Search;

/// <summary>
/// Rules candidates out before they have been through all of the text. After each pass every candidate's losses are compared, segment
/// by segment, with those of the best so far; a candidate stops where it is behind with <see cref="Confidence"/>.
/// </summary>
/// <remarks>
/// Racing in the manner of Maron and Moore (1993), paired: the same text is hard for all, so differences vary far less than losses.
/// The question is which candidate the whole calibration text would choose, so what has been seen of it is no longer uncertain: the
/// standard error shrinks by the square root of the share that is still unseen (finite population correction).
/// </remarks>
internal static class Race
{
    /// <summary>One-sided, of a single comparison, by Student's t over segments.</summary>
    public const double Confidence = 0.9999;

    /// <summary>The standard normal's quantile at <see cref="Confidence"/>.</summary>
    private const double Z = 3.719016;

    /// <summary>Below this many segments a standard error says too little.</summary>
    private const int FewestPairs = 8;

    /// <returns>The candidates that could not be ruled out, in their order, and what was seen of the others.</returns>
    public static (IReadOnlyList<int> Finalists, IReadOnlyList<CandidateLosses> RuledOut) Run(
        SearchRound round, IReadOnlyList<int> candidates, Arithmetic arithmetic, Action<IReadOnlyList<int>>? narrowed = null)
    {
        var live = candidates;
        var ruledOut = new List<CandidateLosses>();
        for (int start = 0; start < round.Windows && live.Count > 1; start += round.WindowsPerPass)
        {
            int seen = Math.Min(start + round.WindowsPerPass, round.Windows);
            round.Measure(live, start, seen - start, arithmetic);
            var losses = live.Select(block => round.Losses(block, arithmetic, seen)).ToList();
            var best = losses.Where(loss => double.IsFinite(loss.MeanNll)).MinBy(loss => loss.MeanNll);
            if (best is null || seen == round.Windows) break; // nothing to win, for the decision to refuse; or nothing left to save
            double unseen = 1 - (double)seen / round.Windows;
            var behind = losses.Where(loss => !double.IsFinite(loss.MeanNll) || IsBehind(loss, best, unseen)).ToList();
            ruledOut.AddRange(behind);
            live = [.. live.Except(behind.Select(loss => loss.Block))];
            narrowed?.Invoke(live);
        }
        return (live, ruledOut);
    }

    private static bool IsBehind(CandidateLosses candidate, CandidateLosses best, double unseen)
    {
        var difference = PairedDifference.OfSegments(best, candidate);
        return difference.Pairs >= FewestPairs && difference.Mean > Quantile(difference.Pairs - 1) * Math.Sqrt(unseen) * difference.StandardError;
    }

    /// <summary>Student's t at <see cref="Confidence"/>: the expansion about the normal quantile (Abramowitz and Stegun 26.7.5), within 0.3 % from 7 degrees on.</summary>
    private static double Quantile(int degrees)
    {
        double z3 = Math.Pow(Z, 3), z5 = Math.Pow(Z, 5), z7 = Math.Pow(Z, 7), z9 = Math.Pow(Z, 9);
        return Z
            + (z3 + Z) / 4 / degrees
            + (5 * z5 + 16 * z3 + 3 * Z) / 96 / Math.Pow(degrees, 2)
            + (3 * z7 + 19 * z5 + 17 * z3 - 15 * Z) / 384 / Math.Pow(degrees, 3)
            + (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * Z) / 92160 / Math.Pow(degrees, 4);
    }
}
