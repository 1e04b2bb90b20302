namespace Sleb.Onnx.Runtime;

/// <summary>How a prompt is continued: greedily unless <see cref="Sample"/> is set.</summary>
internal sealed record GenerationOptions
{
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Go on past end-of-sequence ids, which then are ids like any other.</summary>
    public bool IgnoreEos { get; init; }

    public bool Sample { get; init; }

    public double Temperature { get; init; } = 1;

    /// <summary>Only the k most likely ids are drawn; 0 means all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the fewest ids that hold this probability together are drawn; 1 means all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Equal seeds and prompts give equal ids; null draws a seed.</summary>
    public int? Seed { get; init; }

    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MaxNewTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        if (!(Temperature > 0 && double.IsFinite(Temperature))) throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "The temperature must be above 0.");
        if (!(TopP is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(TopP), TopP, "Top-p must be above 0 and at most 1.");
    }
}
