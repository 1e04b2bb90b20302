using System.Text.Json.Serialization;
using Sleb.Core.Evaluation;

namespace Sleb.Cli.Json;

/// <summary>What <c>sleb evaluate</c> found. Intervals are of 95 %.</summary>
internal sealed record EvaluateDocument(IReadOnlyList<EvaluateDocument.Task> Tasks, EvaluateDocument.Mean? FiveTaskMean, string? ComparedTo)
{
    /// <param name="scores">The model's answers.</param>
    /// <param name="others">Those of the model in the folder <paramref name="comparedTo"/>, to the same questions; null where there is none.</param>
    public static EvaluateDocument Of(IReadOnlyList<TaskScore> scores, IReadOnlyList<TaskScore>? others, string? comparedTo, bool details) => new(
        [.. scores.Select((score, t) => Task.Of(score, others?[t], details))], Mean.Of(scores, others), comparedTo);

    internal sealed record Task(
        [property: JsonPropertyName("task")] string Name, int Items,
        double Accuracy, double? AccuracyStandardError, double[] AccuracyInterval,
        double NormalizedAccuracy, double? NormalizedAccuracyStandardError, double[] NormalizedAccuracyInterval)
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public Comparison? Comparison { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public Comparison? NormalizedComparison { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public IReadOnlyList<Detail>? Details { get; init; }

        public static Task Of(TaskScore score, TaskScore? other, bool details)
        {
            var (accuracy, normalized) = (score.Accuracy, score.NormalizedAccuracy);
            return new(score.Task, score.Items.Count, accuracy.Value, accuracy.StandardError, Array(accuracy.Interval),
                normalized.Value, normalized.StandardError, Array(normalized.Interval))
            {
                Comparison = other is null ? null : Comparison.Of(PairedComparison.Of(score, other, item => item.IsCorrect), other.Accuracy),
                NormalizedComparison = other is null ? null : Comparison.Of(PairedComparison.Of(score, other, item => item.IsCorrectNormalized), other.NormalizedAccuracy),
                Details = details ? [.. score.Items.Select(Detail.Of)] : null,
            };
        }
    }

    /// <param name="Other">The other model's accuracy.</param>
    /// <param name="Difference">This model's accuracy minus the other one's.</param>
    /// <param name="DifferenceInterval">By the paired bootstrap.</param>
    /// <param name="Gained">Items that only this model gets right.</param>
    /// <param name="Lost">Items that only the other model gets right.</param>
    /// <param name="PValue">Of McNemar's exact test.</param>
    internal sealed record Comparison(double Other, double Difference, double[] DifferenceInterval, int Gained, int Lost, double PValue)
    {
        public static Comparison Of(PairedComparison paired, Accuracy other) =>
            new(other.Value, paired.Difference, Array(paired.Interval), paired.Gained, paired.Lost, paired.PValue);
    }

    /// <summary>The paper's mean over five tasks.</summary>
    internal sealed record Mean(double Accuracy, double? AccuracyStandardError, double NormalizedAccuracy, double? NormalizedAccuracyStandardError)
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public MeanComparison? Comparison { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public MeanComparison? NormalizedComparison { get; init; }

        public static Mean? Of(IReadOnlyList<TaskScore> scores, IReadOnlyList<TaskScore>? others)
        {
            if (Core.Evaluation.FiveTaskMean.Of(scores, task => task.Accuracy) is not { } accuracy) return null;
            var normalized = Core.Evaluation.FiveTaskMean.Of(scores, task => task.NormalizedAccuracy)!;
            return new(accuracy.Value, accuracy.StandardError, normalized.Value, normalized.StandardError)
            {
                Comparison = others is null ? null : MeanComparison.Of(Core.Evaluation.FiveTaskMean.Compare(scores, others, item => item.IsCorrect)),
                NormalizedComparison = others is null ? null : MeanComparison.Of(Core.Evaluation.FiveTaskMean.Compare(scores, others, item => item.IsCorrectNormalized)),
            };
        }
    }

    internal sealed record MeanComparison(double Difference, double[] DifferenceInterval)
    {
        public static MeanComparison Of((double Difference, Interval Interval) found) => new(found.Difference, Array(found.Interval));
    }

    /// <param name="Index">The line of the file, from 0.</param>
    /// <param name="Logprobs">Of each choice, given its context.</param>
    /// <param name="Tokens">Of each choice.</param>
    internal sealed record Detail(int Index, IReadOnlyList<double> Logprobs, IReadOnlyList<int> Tokens, int Gold, bool Correct, bool NormalizedCorrect)
    {
        public static Detail Of(ItemScore item) => new(
            item.Index, [.. item.Choices.Select(choice => choice.LogProbability)], [.. item.Choices.Select(choice => choice.Tokens)],
            item.Gold, item.IsCorrect, item.IsCorrectNormalized);
    }

    private static double[] Array(Interval interval) => [interval.Low, interval.High];
}
