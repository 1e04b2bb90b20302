namespace Sleb.Core.Evaluation;

/// <summary>One token given those before it.</summary>
/// <param name="LogProbability">In nats.</param>
/// <param name="IsGreedy">No other token is more likely.</param>
internal readonly record struct TokenScore(double LogProbability, bool IsGreedy);
