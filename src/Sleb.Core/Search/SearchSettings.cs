namespace Sleb.Core.Search;

/// <summary>How a search decides.</summary>
public sealed record SearchSettings
{
    /// <summary>Alive blocks at the start that are never candidates.</summary>
    /// <value>The default is 1.</value>
    public int EarlyBarrier { get; init; } = 1;

    /// <summary>Alive blocks at the end that are never candidates.</summary>
    /// <value>The default is 1.</value>
    public int LateBarrier { get; init; } = 1;

    /// <summary>What candidates are ranked by.</summary>
    /// <value>The default is <see cref="SearchMetric.Perplexity"/>.</value>
    public SearchMetric Metric { get; init; }

    /// <summary>How much of the text every candidate sees; only the perplexity and one-shot metrics have candidates to race.</summary>
    /// <value>The default is <see cref="SearchEffort.Exhaustive"/>.</value>
    public SearchEffort Effort { get; init; }

    /// <summary>What candidates are screened in; float32 decides in any case.</summary>
    /// <value>The default is <see cref="Arithmetic.Fp32"/>.</value>
    public Arithmetic Arithmetic { get; init; }
}
