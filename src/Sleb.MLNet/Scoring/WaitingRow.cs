namespace Sleb.MLNet.Scoring;

/// <summary>A row whose completion has not ended.</summary>
/// <param name="index">In its window.</param>
/// <param name="prompt">At least one token.</param>
/// <param name="limit">The most tokens its completion may have; at least one.</param>
internal sealed class WaitingRow(int index, IReadOnlyList<int> prompt, int limit)
{
    public int Index => index;

    public IReadOnlyList<int> Prompt => prompt;

    public int Limit => limit;

    /// <summary>Tokens of the completion that need not be written again.</summary>
    public IReadOnlyList<int> Written { get; set; } = [];

    /// <summary>The completion is known to be at least this long.</summary>
    public int AtLeast { get; set; }

    /// <summary>A batch with this row in it failed: it fails or succeeds by itself.</summary>
    public bool Alone { get; set; }

    public int Length => prompt.Count + Written.Count;

    public int Left => limit - Written.Count;
}
