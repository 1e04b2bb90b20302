using System.Text.Json.Serialization;

namespace Sleb.Core.Search;

/// <summary>What candidates are ranked by: the three metrics of the SLEB paper.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SearchMetric>))]
public enum SearchMetric
{
    /// <summary>The loss of what is left, looked at again after each removal (SLEB, algorithm 1).</summary>
    [JsonStringEnumMemberName("perplexity")] Perplexity,

    /// <summary>The loss of the dense model without the block, looked at once.</summary>
    [JsonStringEnumMemberName("one-shot")] OneShot,

    /// <summary>One minus the cosine of the block's input and output in the dense model: ShortGPT's Block Influence (Men et al. 2024, arXiv 2403.03853).</summary>
    [JsonStringEnumMemberName("block-influence")] BlockInfluence,
}
