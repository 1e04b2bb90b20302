namespace Sleb.MLNet.Experiments;

/// <summary>Which trial is the best, by an objective and a budget.</summary>
internal sealed record TrialChoice(SlebObjective Objective, SlebBudget Budget)
{
    /// <summary>
    /// Without a budget a rise of ten percent is allowed. Without an objective the lowest perplexity is best, but where nothing except
    /// the perplexity is bounded, that would be the model least pruned: there it is the smallest.
    /// </summary>
    public static TrialChoice Of(SlebObjective? objective, SlebBudget budget)
    {
        if (budget.IsEmpty && objective != SlebObjective.ParetoFront) budget = budget with { MaxPerplexityRise = 0.1 };
        bool onlyPerplexity = (budget.MaxModelBytes, budget.MaxMillisecondsPerToken) == (null, null);
        return new(objective ?? (onlyPerplexity ? SlebObjective.SmallestModel : SlebObjective.LowestPerplexity), budget);
    }

    /// <summary>The best first; those outside the budget are not among them.</summary>
    public IReadOnlyList<SlebTrialResult> Rank(IReadOnlyList<SlebTrialResult> trials)
    {
        var within = trials.Where(trial => double.IsFinite(trial.MeanNll) && Budget.Holds(trial)).ToList();
        return [.. (Objective switch
        {
            SlebObjective.SmallestModel => within.OrderBy(trial => trial.ModelBytes),
            SlebObjective.FastestModel => within.OrderBy(trial => trial.MillisecondsPerToken),
            SlebObjective.ParetoFront => OrderFront([.. Front(within)]),
            _ => within.OrderBy(trial => trial.MeanNll),
        }).ThenBy(trial => trial.MeanNll).ThenBy(trial => trial.ModelBytes).ThenBy(trial => trial.Settings.TrialId)];
    }

    /// <summary>The trials that no other one beats or equals in everything, by ascending size.</summary>
    public static IReadOnlyList<SlebTrialResult> Front(IReadOnlyList<SlebTrialResult> trials) => Front([.. trials.Where(trial => double.IsFinite(trial.MeanNll))], Figures);

    /// <summary>The same of anything that has such figures: a loss, a size and a time.</summary>
    public static IReadOnlyList<T> Front<T>(IReadOnlyList<T> all, Func<T, (double Nll, double Bytes, double Time)> figures)
    {
        // Trials that came to the same folder are one point of the front.
        var points = all.DistinctBy(figures).ToList();
        return [.. points.Where(point => !points.Exists(other => Dominates(figures(other), figures(point)))).OrderBy(point => figures(point).Bytes)];
    }

    private static (double Nll, double Bytes, double Time) Figures(SlebTrialResult trial) => (trial.MeanNll, trial.ModelBytes, trial.MillisecondsPerToken);

    private static bool Dominates((double Nll, double Bytes, double Time) a, (double Nll, double Bytes, double Time) b) =>
        a.Nll <= b.Nll && a.Bytes <= b.Bytes && a.Time <= b.Time && a != b;

    private static IOrderedEnumerable<SlebTrialResult> OrderFront(IReadOnlyList<SlebTrialResult> front)
    {
        return front.OrderBy(trial => Scaled(trial, each => each.MeanNll) + Scaled(trial, each => each.ModelBytes) + Scaled(trial, each => each.MillisecondsPerToken));

        // The square of the distance to the front's lowest figure, in units of its range.
        double Scaled(SlebTrialResult trial, Func<SlebTrialResult, double> figure)
        {
            double low = front.Min(figure), range = front.Max(figure) - low;
            return range > 0 ? Math.Pow((figure(trial) - low) / range, 2) : 0;
        }
    }
}
