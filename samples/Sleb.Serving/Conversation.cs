namespace Sleb.Serving;

/// <summary>What a client sends.</summary>
/// <param name="MaxTokens">The longest answer, in tokens.</param>
/// <param name="Stream">Whether the answer comes piece by piece, as server-sent events.</param>
internal sealed record Conversation(IReadOnlyList<Message?>? Messages, int MaxTokens = 64, bool Stream = false)
{
    /// <summary>What is wrong with it, in a sentence, or null. JSON may leave anything out.</summary>
    public string? Fault =>
        Messages is not { Count: > 0 } ? "There are no messages; give at least one, with a role and a content."
        : Messages.Any(message => message?.Role is not ("user" or "assistant" or "system")) ? "A message has no role, or one that is not known; a role is user, assistant or system."
        : Messages.Any(message => string.IsNullOrEmpty(message!.Content)) ? "A message has no content; leave it out, or say something."
        : MaxTokens < 1 ? $"maxTokens is {MaxTokens}; it must be at least 1."
        : null;
}

/// <param name="Role"><c>user</c>, <c>assistant</c> or <c>system</c>.</param>
internal sealed record Message(string? Role, string? Content);

/// <summary>An answer, or a piece of one.</summary>
internal sealed record Answer(string Text);
