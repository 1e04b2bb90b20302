namespace Sleb.Core.Evaluation;

/// <summary>A context and what continues it, as ids.</summary>
/// <param name="Ids">Both together, two or more.</param>
/// <param name="First">Index of the first token to score, 1 or more.</param>
internal sealed record ScoredSequence(int[] Ids, int First)
{
    /// <summary>What the model reads: the last id is only predicted.</summary>
    public ReadOnlySpan<int> Input => Ids.AsSpan(0, Ids.Length - 1);

    /// <summary>Tokens to score.</summary>
    public int Targets => Ids.Length - First;
}
