namespace Sleb.MLNet.Reporting;

/// <summary>A vertical scale: linear, or logarithmic where the values differ by more than a power of ten.</summary>
internal sealed class Axis
{
    private readonly Func<double, double> _scale;
    private readonly double _low, _high;

    public Axis(IReadOnlyCollection<double> values)
    {
        double least = values.Min(), most = values.Max();
        bool logarithmic = most > 10 * least;
        _scale = logarithmic ? Math.Log10 : value => value;
        Ticks = logarithmic ? LogarithmicTicks(least, most) : LinearTicks(least, most);
        (_low, _high) = (_scale(Math.Min(least, Ticks[0])), _scale(Math.Max(most, Ticks[^1])));
    }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>0 at the lower end, 1 at the upper.</summary>
    public double Place(double value) => (_scale(value) - _low) / (_high - _low);

    /// <summary>From a tick at or below the least to one at or above the most, in steps of 1, 2 or 5.</summary>
    private static double[] LinearTicks(double least, double most)
    {
        double range = Math.Max(most - least, Math.Abs(most) * 0.01), power = Math.Pow(10, Math.Floor(Math.Log10(range / 4)));
        double step = power * (range / 4 / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        double first = Math.Floor(least / step);
        return [.. Enumerable.Range(0, (int)Math.Max(1, Math.Ceiling(most / step) - first) + 1).Select(i => (first + i) * step)];
    }

    private static double[] LogarithmicTicks(double least, double most)
    {
        int first = (int)Math.Floor(Math.Log10(least)), last = (int)Math.Ceiling(Math.Log10(most));
        return [.. Enumerable.Range(first, last - first + 1).Select(power => Math.Pow(10, power))];
    }
}
