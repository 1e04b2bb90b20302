namespace Sleb.Cli;

/// <summary>The call itself was wrong: its sentence is followed by the command's usage line, and the exit code is 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
