using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>A label, a value, a line.</summary>
internal sealed class ResultLines(IAnsiConsole console)
{
    public const int LabelWidth = 12;

    public void Add(string label, string text) => console.MarkupLine($"[bold]{Markup.Escape(label.PadRight(LabelWidth))}[/]{Markup.Escape(text)}");
}
