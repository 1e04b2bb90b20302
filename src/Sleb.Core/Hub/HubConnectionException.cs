namespace Sleb.Core.Hub;

/// <summary>The hub could not be reached, broke off or was too busy: another attempt may help.</summary>
internal sealed class HubConnectionException(string message, bool reached, TimeSpan? retryAfter = null, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>Whether anybody answered. Where nobody did at the very start there is no network, and waiting is no use.</summary>
    public bool Reached { get; } = reached;

    /// <summary>What a busy server asks for.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
