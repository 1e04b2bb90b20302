using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>A Spectre console over a writer: colours and live progress on a terminal, plain unwrapped lines elsewhere.</summary>
internal static class Consoles
{
    public static IAnsiConsole Create(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = output,
            Ansi = output.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = output.IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
            // The default enrichers switch escape sequences on where they see a build server, whose logs are to hold plain lines.
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = output.IsTerminal },
        });
        if (!output.IsTerminal) console.Profile.Width = short.MaxValue; // a line is a line, for grep
        return console;
    }
}
