namespace Sleb.MLNet;

/// <summary>
/// What is timed to say how fast a model is, by the SLEB paper's protocol: one long prompt is read, and a batch of short prompts is
/// continued. Each is done once to warm up, then <see cref="Runs"/> times, of which the median counts. Sizes that a model's context
/// does not hold are made smaller, and the log says so.
/// </summary>
public sealed record SlebLatencyProtocol
{
    /// <summary>The published sizes, a batch of 64 among them, which is for a GPU: on a CPU it takes minutes for every model.</summary>
    public static SlebLatencyProtocol Paper { get; } = new() { BatchSize = 64 };

    /// <summary>Tokens of the one prompt that is read at once.</summary>
    /// <value>The default is 2048, as published.</value>
    public int PromptTokens { get; init; } = 2048;

    /// <summary>Texts that are written together.</summary>
    /// <value>The default is 1; published is 64.</value>
    public int BatchSize { get; init; } = 1;

    /// <summary>Tokens of the prompt that each text starts with, which is timed with what follows; null goes on behind the long prompt, which is not.</summary>
    /// <value>The default is 64, as published.</value>
    public int? GenerationPromptTokens { get; init; } = 64;

    /// <summary>Tokens written for each text.</summary>
    /// <value>The default is 128, as published.</value>
    public int NewTokens { get; init; } = 128;

    /// <summary>Measurements behind the one to warm up.</summary>
    /// <value>The default is 3.</value>
    public int Runs { get; init; } = 3;

    /// <summary>The same in a context of so many tokens.</summary>
    internal SlebLatencyProtocol Within(int context)
    {
        int prompt = Math.Min(PromptTokens, context - 1);
        if (GenerationPromptTokens is not { } start) return this with { PromptTokens = prompt, NewTokens = Math.Min(NewTokens, context - 1 - prompt) };
        start = Math.Min(start, Math.Max(1, context / 3)); // as published, one token in three
        return this with { PromptTokens = prompt, GenerationPromptTokens = start, NewTokens = Math.Min(NewTokens, context - start) };
    }

    /// <summary>Its sizes in words.</summary>
    internal string Describe() => GenerationPromptTokens is { } start
        ? FormattableString.Invariant($"a prompt of {PromptTokens} tokens; {BatchSize} x {start} tokens with {NewTokens} new ones; medians of {Runs} runs")
        : FormattableString.Invariant($"{PromptTokens} prompt tokens, {NewTokens} new ones; medians of {Runs} runs");

    internal IEnumerable<string> FindFaults()
    {
        if (PromptTokens < 1) yield return $"PromptTokens is {PromptTokens}; it must be at least 1.";
        if (BatchSize < 1) yield return $"BatchSize is {BatchSize}; it must be at least 1.";
        if (GenerationPromptTokens < 1) yield return $"GenerationPromptTokens is {GenerationPromptTokens}; it must be at least 1.";
        if (NewTokens < 1) yield return $"NewTokens is {NewTokens}; it must be at least 1.";
        if (Runs < 1) yield return $"Runs is {Runs}; it must be at least 1.";
        if (BatchSize > 1 && GenerationPromptTokens is null) yield return $"BatchSize is {BatchSize}, but one text alone goes on behind the long prompt; give GenerationPromptTokens.";
    }
}
