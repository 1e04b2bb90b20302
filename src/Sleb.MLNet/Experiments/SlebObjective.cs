using System.Text.Json.Serialization;

namespace Sleb.MLNet;

/// <summary>What is best among the trials that keep to the budget.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SlebObjective>))]
public enum SlebObjective
{
    /// <summary>The lowest perplexity.</summary>
    [JsonStringEnumMemberName("lowest-perplexity")] LowestPerplexity,

    /// <summary>The smallest folder; of equal ones the lower perplexity.</summary>
    [JsonStringEnumMemberName("smallest-model")] SmallestModel,

    /// <summary>The fewest milliseconds a token.</summary>
    [JsonStringEnumMemberName("fastest-model")] FastestModel,

    /// <summary>
    /// The models that no other one beats in perplexity, size and time at once. The best is the one of them nearest to the lowest
    /// figure of each, all three scaled to the front's own range.
    /// </summary>
    [JsonStringEnumMemberName("pareto-front")] ParetoFront,
}
