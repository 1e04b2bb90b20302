using Sleb.Cli.Output;
using Spectre.Console;

namespace Sleb.Cli;

/// <summary>What a command needs besides its arguments: where to write, and when to stop.</summary>
internal sealed class CommandContext(TextWriter output, IAnsiConsole console, Diagnostics diagnostics, bool json, CancellationToken cancellation)
{
    /// <summary>Standard output as it is: the JSON document, or text that must not be wrapped or coloured.</summary>
    public TextWriter Output { get; } = output;

    /// <summary>Progress and results for a person: standard output, or standard error beside a JSON document.</summary>
    public IAnsiConsole Console { get; } = console;

    /// <summary>Warnings: standard error.</summary>
    public Diagnostics Diagnostics { get; } = diagnostics;

    /// <summary>Standard output holds exactly one JSON document.</summary>
    public bool Json { get; } = json;

    /// <summary>Nothing is looked for on the hub.</summary>
    public bool Offline { get; init; }

    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>What to tell a person whose command was cancelled.</summary>
    public string CancelledSentence { get; set; } = "Nothing was written.";
}
