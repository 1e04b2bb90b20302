namespace Sleb.Core.Evaluation;

/// <summary>The mean accuracy over the five tasks of the SLEB paper's tables; every task counts the same, however many items it has.</summary>
/// <param name="StandardError">Null where a task has fewer than two items.</param>
internal sealed record FiveTaskMean(double Value, double? StandardError)
{
    public static readonly IReadOnlyList<string> Tasks = ["piqa", "winogrande", "hellaswag", "arc_easy", "arc_challenge"];

    /// <summary>Null unless each of the five is among <paramref name="tasks"/>.</summary>
    public static FiveTaskMean? Of(IReadOnlyList<TaskScore> tasks, Func<TaskScore, Accuracy> accuracy)
    {
        var five = tasks.Where(task => Tasks.Contains(task.Task)).Select(accuracy).ToList();
        if (five.Count < Tasks.Count) return null;
        double variance = five.Sum(task => Math.Pow(task.StandardError ?? double.NaN, 2));
        return new(five.Average(task => task.Value), double.IsNaN(variance) ? null : Math.Sqrt(variance) / five.Count);
    }

    /// <summary>How far the mean is from another model's, and the 95 % interval of that, where both have the five tasks.</summary>
    public static (double Difference, Interval Interval) Compare(IReadOnlyList<TaskScore> model, IReadOnlyList<TaskScore> other, Func<ItemScore, bool> isRight)
    {
        var five = model.Zip(other).Where(pair => Tasks.Contains(pair.First.Task)).Select(pair => PairedComparison.Of(pair.First, pair.Second, isRight)).ToList();
        return (five.Average(task => task.Difference), PairedBootstrap.Interval(five));
    }
}
