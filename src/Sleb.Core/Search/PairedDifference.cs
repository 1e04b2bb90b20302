namespace Sleb.Core.Search;

/// <summary>Mean and standard error of b - a for two models measured on the same text.</summary>
/// <param name="StandardError">Null with fewer than two pairs, or where it is not finite.</param>
internal readonly record struct PairedDifference(double Mean, double? StandardError, int Pairs)
{
    /// <summary>Over the windows that both have.</summary>
    public static PairedDifference OfWindows(CandidateLosses a, CandidateLosses b) =>
        Of([.. a.Windows.Zip(b.Windows, (x, y) => y.Nll - x.Nll)]);

    /// <summary>Over the segments of the windows that both have; over the windows where a trace of an earlier version cut them otherwise.</summary>
    public static PairedDifference OfSegments(CandidateLosses a, CandidateLosses b)
    {
        var pairs = a.Windows.Zip(b.Windows).ToList();
        return pairs.TrueForAll(pair => pair.First.Segments.Count == pair.Second.Segments.Count)
            ? Of([.. pairs.SelectMany(pair => pair.First.Segments.Zip(pair.Second.Segments, (x, y) => y - x))])
            : OfWindows(a, b);
    }

    public static PairedDifference Of(IReadOnlyList<double> differences)
    {
        int n = differences.Count;
        double mean = differences.Sum() / n, squares = differences.Sum(difference => Math.Pow(difference - mean, 2));
        return new(mean, n > 1 && double.IsFinite(squares) ? Math.Sqrt(squares / (n - 1) / n) : null, n);
    }
}
