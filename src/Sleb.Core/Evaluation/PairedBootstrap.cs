namespace Sleb.Core.Evaluation;

/// <summary>How far a difference may be off, from questions drawn again and again out of those asked (Efron 1979).</summary>
internal static class PairedBootstrap
{
    private const int Resamples = 10_000;

    /// <summary>Fixed, so that the same answers give the same interval.</summary>
    private const int Seed = 1234;

    /// <summary>95 % percentile interval of the mean difference over tasks, each task's questions drawn on their own.</summary>
    public static Interval Interval(IReadOnlyList<PairedComparison> tasks)
    {
        var random = new Random(Seed);
        var means = new double[Resamples];
        for (int r = 0; r < Resamples; r++)
        {
            foreach (var task in tasks)
            {
                int change = 0;
                for (int i = 0; i < task.Items; i++)
                {
                    // Which question it is does not matter, only whether it is one of those that differ.
                    int drawn = random.Next(task.Items);
                    if (drawn < task.Gained) change++;
                    else if (drawn < task.Gained + task.Lost) change--;
                }
                means[r] += (double)change / task.Items / tasks.Count;
            }
        }
        Array.Sort(means);
        return new(means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples) - 1]);
    }
}
