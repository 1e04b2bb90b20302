namespace Sleb.Core.Evaluation;

/// <summary>What a model makes of one question.</summary>
/// <param name="Index">Its line in the file, counted from 0.</param>
/// <param name="Gold">The right choice.</param>
/// <param name="Choices">In the order of the file.</param>
/// <param name="IsCut">The beginning of a context was left out, because the model cannot read that far.</param>
internal sealed record ItemScore(int Index, int Gold, IReadOnlyList<ChoiceScore> Choices, bool IsCut)
{
    /// <summary>The most likely choice is the right one; a single choice is the model's own continuation.</summary>
    public bool IsCorrect { get; } = IsRight(Choices, Gold, choice => choice.LogProbability);

    /// <summary>The same by log-probability per byte, so that long choices are not at a disadvantage.</summary>
    public bool IsCorrectNormalized { get; } = IsRight(Choices, Gold, choice => choice.LogProbability / choice.Bytes);

    private static bool IsRight(IReadOnlyList<ChoiceScore> choices, int gold, Func<ChoiceScore, double> value)
    {
        if (choices is [var only]) return only.IsGreedy;
        int best = 0; // the first of equals
        for (int i = 1; i < choices.Count; i++)
            if (value(choices[i]) > value(choices[best])) best = i;
        return best == gold && double.IsFinite(value(choices[best]));
    }
}
