namespace Sleb.Serving;

/// <summary>What a client sends.</summary>
/// <param name="MaxTokens">The longest answer, in tokens.</param>
/// <param name="Stream">Whether the answer comes piece by piece, as server-sent events.</param>
internal sealed record Conversation(IReadOnlyList<Message> Messages, int MaxTokens = 64, bool Stream = false);

/// <param name="Role"><c>user</c>, <c>assistant</c> or <c>system</c>.</param>
internal sealed record Message(string Role, string Content);

/// <summary>An answer, or a piece of one.</summary>
internal sealed record Answer(string Text);
