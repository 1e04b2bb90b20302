namespace Sleb.Core.Evaluation;

/// <summary>What a model makes of one choice.</summary>
/// <param name="LogProbability">Sum over its tokens, given the context, in nats.</param>
/// <param name="Tokens">How many they are.</param>
/// <param name="Bytes">Bytes of its text.</param>
/// <param name="IsGreedy">Every token is the model's most likely one.</param>
internal sealed record ChoiceScore(double LogProbability, int Tokens, int Bytes, bool IsGreedy);
