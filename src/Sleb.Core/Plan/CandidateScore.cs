namespace Sleb.Core.Plan;

/// <summary>What one candidate scored in one round.</summary>
/// <param name="Block">Original index of the block.</param>
/// <param name="MeanNll">Nats per token without it; null where it is not finite.</param>
/// <param name="Score">What the metric ranks by, lower is removed first; null where it is not finite.</param>
public sealed record CandidateScore(int Block, double? MeanNll, double? Score);
