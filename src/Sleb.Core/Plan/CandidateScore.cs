using System.Text.Json.Serialization;

namespace Sleb.Core.Plan;

/// <summary>What one candidate scored in one round.</summary>
/// <param name="Block">Original index of the block.</param>
/// <param name="MeanNll">Nats per token without it; null where it is not finite, or where the metric does not measure it.</param>
/// <param name="Score">What the metric ranks by, lower is removed first; null where it is not finite.</param>
/// <param name="Screened">Measured in a cheaper arithmetic than float32, which showed that it could not win.</param>
/// <param name="RuledOut">Measured on the first windows only, which showed with confidence that it does not win.</param>
public sealed record CandidateScore(
    int Block,
    double? MeanNll,
    double? Score,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Screened = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool RuledOut = false);
