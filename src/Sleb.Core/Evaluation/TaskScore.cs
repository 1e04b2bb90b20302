namespace Sleb.Core.Evaluation;

/// <summary>What a model makes of a task.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Items">The questions that were asked.</param>
internal sealed record TaskScore(string Task, IReadOnlyList<ItemScore> Items)
{
    public Accuracy Accuracy { get; } = Accuracy.Of(Items, item => item.IsCorrect);

    public Accuracy NormalizedAccuracy { get; } = Accuracy.Of(Items, item => item.IsCorrectNormalized);
}
