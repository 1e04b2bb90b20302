namespace Sleb.Core.Evaluation;

/// <summary>A share of right answers and how sure it is.</summary>
internal sealed record Accuracy(int Right, int Items)
{
    /// <summary>Two-sided 95 % of the normal distribution.</summary>
    private const double Z = 1.959963984540054;

    public double Value => (double)Right / Items;

    /// <summary>As lm-evaluation-harness has it, with n - 1; null with fewer than two items.</summary>
    public double? StandardError => Items < 2 ? null : Math.Sqrt(Value * (1 - Value) / (Items - 1));

    /// <summary>95 % interval (Wilson 1927), which stays within 0 and 1 and is no point where all answers are right or wrong.</summary>
    public Interval Interval
    {
        get
        {
            double z2 = Z * Z / Items, centre = (Value + z2 / 2) / (1 + z2);
            double half = Z / (1 + z2) * Math.Sqrt(Value * (1 - Value) / Items + z2 / (4 * Items));
            return new(Math.Max(0, centre - half), Math.Min(1, centre + half));
        }
    }

    public static Accuracy Of(IReadOnlyList<ItemScore> items, Func<ItemScore, bool> isRight) => new(items.Count(isRight), items.Count);
}
