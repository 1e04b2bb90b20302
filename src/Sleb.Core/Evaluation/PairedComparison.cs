namespace Sleb.Core.Evaluation;

/// <summary>Two models on the same questions: what counts is where they differ.</summary>
/// <param name="Items">Questions asked of both.</param>
/// <param name="Gained">Questions that only the model gets right.</param>
/// <param name="Lost">Questions that only the other model gets right.</param>
internal sealed record PairedComparison(int Items, int Gained, int Lost)
{
    /// <summary>The model's accuracy minus the other one's.</summary>
    public double Difference => (double)(Gained - Lost) / Items;

    /// <summary>95 % interval of <see cref="Difference"/>.</summary>
    public Interval Interval => PairedBootstrap.Interval([this]);

    /// <summary>
    /// Two-sided exact McNemar test (1947): how likely a split at least as uneven is if each differing question were a coin's toss.
    /// </summary>
    public double PValue
    {
        get
        {
            int n = Gained + Lost;
            double logCoefficient = 0, sum = 0; // of C(n, k)
            for (int k = 0; k <= Math.Min(Gained, Lost); k++)
            {
                sum += Math.Exp(logCoefficient - n * Math.Log(2));
                logCoefficient += Math.Log(n - k) - Math.Log(k + 1);
            }
            return Math.Min(1, 2 * sum);
        }
    }

    /// <exception cref="ArgumentException">The questions are not the same.</exception>
    public static PairedComparison Of(TaskScore model, TaskScore other, Func<ItemScore, bool> isRight)
    {
        if (model.Task != other.Task || !model.Items.Select(item => item.Index).SequenceEqual(other.Items.Select(item => item.Index)))
            throw new ArgumentException("Two models can be compared on the same items only.");
        var pairs = model.Items.Zip(other.Items).Select(pair => (Here: isRight(pair.First), There: isRight(pair.Second))).ToList();
        return new(pairs.Count, pairs.Count(pair => pair is { Here: true, There: false }), pairs.Count(pair => pair is { Here: false, There: true }));
    }
}
