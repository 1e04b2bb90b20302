namespace Sleb.Core.Search;

/// <summary>Statistics of two models measured on the same windows.</summary>
internal static class PairedDifference
{
    /// <summary>Standard error of mean(b - a); null with fewer than two windows.</summary>
    public static double? StandardError(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        int n = a.Count;
        if (n < 2) return null;
        double mean = 0, squares = 0;
        for (int i = 0; i < n; i++) mean += (b[i] - a[i]) / n;
        for (int i = 0; i < n; i++) squares += Math.Pow(b[i] - a[i] - mean, 2);
        return double.IsFinite(squares) ? Math.Sqrt(squares / (n - 1) / n) : null;
    }
}
