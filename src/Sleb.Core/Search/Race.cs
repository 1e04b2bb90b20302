namespace Sleb.Core.Search;

/// <summary>
/// Rules candidates out before they have been through all of the text. After each pass every candidate's losses are compared, segment
/// by segment, with those of the best so far; where the mean difference exceeds <see cref="Bound"/> of its standard errors, the candidate stops.
/// </summary>
/// <remarks>Paired racing in the manner of Hoeffding races (Maron and Moore 1993) with a normal bound: the same text is hard for all, so differences vary far less than losses.</remarks>
internal static class Race
{
    /// <summary>Standard errors: a one-sided confidence of 99.997 % a comparison for normal differences, of at least 99.9 % with as few as <see cref="FewestPairs"/>.</summary>
    public const double Bound = 4;

    /// <summary>Below this many segments a standard error says too little.</summary>
    private const int FewestPairs = 16;

    /// <returns>The candidates that could not be ruled out, in their order.</returns>
    public static IReadOnlyList<int> Run(SearchRound round, IReadOnlyList<int> candidates, Arithmetic arithmetic, Action<IReadOnlyList<int>>? narrowed = null)
    {
        var live = candidates;
        for (int start = 0; start < round.Windows && live.Count > 1; start += round.WindowsPerPass)
        {
            round.Measure(live, start, Math.Min(round.WindowsPerPass, round.Windows - start), arithmetic);
            var losses = live.Select(block => round.Losses(block, arithmetic)).Where(loss => double.IsFinite(loss.MeanNll)).ToList();
            if (losses.Count == 0) return live; // nothing to win: for the decision to refuse
            var best = losses.MinBy(loss => loss.MeanNll)!;
            live = [.. losses.Where(loss => !IsBehind(loss, best)).Select(loss => loss.Block)];
            narrowed?.Invoke(live);
        }
        return live;
    }

    private static bool IsBehind(CandidateLosses candidate, CandidateLosses best)
    {
        var difference = PairedDifference.OfSegments(best, candidate);
        return difference.Pairs >= FewestPairs && difference.Mean > Bound * difference.StandardError;
    }
}
