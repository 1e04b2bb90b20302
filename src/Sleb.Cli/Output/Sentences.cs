using Sleb.Core.Checkpoints;
using Sleb.MLNet;

namespace Sleb.Cli.Output;

/// <summary>What a person reads of an exception.</summary>
internal static class Sentences
{
    public static string Of(Exception e) => MissingNatives.Sentence(e) ?? e switch
    {
        // The base classes append the parameter's name and value, which mean nothing on a command line.
        ArgumentException { ParamName: not null } => Cut(e.Message, " (Parameter '"),
        AggregateException { InnerException: { } inner } => Of(inner),
        TypeInitializationException { InnerException: { } inner } => Of(inner),
        CheckpointException or IOException or UnauthorizedAccessException or InvalidOperationException or InvalidDataException
            or NotSupportedException or ArgumentException => e.Message,
        OutOfMemoryException => "The memory of this machine does not suffice; close other programs or take a smaller model.",
        // Not meant for a person, so it says what it is; libraries below append native stacks behind the first line.
        _ => $"{e.GetType().Name}: {Cut(e.Message, "\n").Trim()}",
    };

    private static string Cut(string message, string from)
    {
        int end = message.IndexOf(from, StringComparison.Ordinal);
        return end < 0 ? message : message[..end];
    }
}
