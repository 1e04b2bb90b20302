using System.Globalization;
using Sleb.Core.Evaluation;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Accuracies as a person reads them, in percent.</summary>
internal static class EvaluateTable
{
    public static Table Scores(IReadOnlyList<TaskScore> scores)
    {
        var table = Create("Task", "Items", "Accuracy", "95 % interval", "By bytes", "95 % interval");
        foreach (var score in scores)
            table.AddRow(Markup.Escape(score.Task), Numbers.Count(score.Items.Count), Share(score.Accuracy.Value, score.Accuracy.StandardError), Range(score.Accuracy.Interval),
                Share(score.NormalizedAccuracy.Value, score.NormalizedAccuracy.StandardError), Range(score.NormalizedAccuracy.Interval));
        if (FiveTaskMean.Of(scores, task => task.Accuracy) is { } mean && FiveTaskMean.Of(scores, task => task.NormalizedAccuracy) is { } normalized)
            table.AddRow("[bold]mean of five[/]", "", Share(mean.Value, mean.StandardError), "", Share(normalized.Value, normalized.StandardError), "");
        return table;
    }

    public static Table Comparison(IReadOnlyList<TaskScore> scores, IReadOnlyList<TaskScore> others)
    {
        var table = Create("Change", "by", "Points", "95 % interval", "Gained", "Lost", "p");
        foreach (var (name, isRight) in new (string, Func<ItemScore, bool>)[] { ("accuracy", item => item.IsCorrect), ("bytes", item => item.IsCorrectNormalized) })
        {
            foreach (var (score, other) in scores.Zip(others))
            {
                var paired = PairedComparison.Of(score, other, isRight);
                table.AddRow(Markup.Escape(score.Task), name, Points(paired.Difference), Points(paired.Interval), Numbers.Count(paired.Gained), Numbers.Count(paired.Lost), Probability(paired.PValue));
            }
            if (FiveTaskMean.Of(scores, task => task.Accuracy) is null) continue;
            var (difference, interval) = FiveTaskMean.Compare(scores, others, isRight);
            table.AddRow("[bold]mean of five[/]", name, Points(difference), Points(interval), "", "", "");
        }
        return table;
    }

    public static Table Details(IReadOnlyList<TaskScore> scores)
    {
        var table = Create("Task", "Line", "Answer", "Gold", "Log-probabilities");
        foreach (var score in scores)
            foreach (var item in score.Items)
                table.AddRow(Markup.Escape(score.Task), Numbers.Count(item.Index + 1), item.IsCorrect ? "right" : "wrong", item.Choices.Count == 1 ? "" : Numbers.Count(item.Gold),
                    string.Join("  ", item.Choices.Select(choice => Numbers.Loss(choice.LogProbability))));
        return table;
    }

    private static Table Create(params string[] columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (string column in columns)
            table.AddColumn(new TableColumn($"[bold]{column}[/]") { Alignment = table.Columns.Count == 0 || column == "by" ? Justify.Left : Justify.Right, NoWrap = true });
        return table;
    }

    private static string Share(double value, double? error) => Percent(value) + (error is { } e ? $" ± {Percent(e)}" : "");

    private static string Range(Interval interval) => $"{Percent(interval.Low)} – {Percent(interval.High)}";

    private static string Percent(double value) => (100 * value).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Points(double difference) => (100 * difference).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture);

    private static string Points(Interval interval) => $"{Points(interval.Low)} to {Points(interval.High)}";

    private static string Probability(double p) => p < 0.001 ? "<0.001" : p.ToString("0.000", CultureInfo.InvariantCulture);
}
