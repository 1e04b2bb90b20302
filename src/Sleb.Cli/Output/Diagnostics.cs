using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Standard error: warnings while a command runs, and the sentence it ends with when it does not succeed.</summary>
internal sealed class Diagnostics(IAnsiConsole console, bool verbose)
{
    private readonly List<string> _held = [];
    private bool _holding;

    public void Warning(string sentence)
    {
        if (_holding) _held.Add(sentence);
        else Write("warning", "yellow", sentence);
    }

    /// <summary>Keeps warnings back while a live display owns the terminal; disposing writes them.</summary>
    public IDisposable Hold()
    {
        _holding = true;
        return new Release(this);
    }

    public int WrongCall(string sentence, string usage, Exception? exception = null)
    {
        Write("error", "red", sentence);
        console.WriteLine("usage: " + usage);
        Stack(exception);
        return ExitCode.WrongCall;
    }

    public int Cancelled(string sentence)
    {
        Write("cancelled", "yellow", sentence);
        return ExitCode.Cancelled;
    }

    public int Failed(Exception exception)
    {
        Write("error", "red", Sentences.Of(exception));
        Stack(exception);
        return ExitCode.Failed;
    }

    private void Stack(Exception? exception)
    {
        if (verbose && exception is not null) console.WriteLine(exception.ToString());
    }

    private void Write(string kind, string colour, string sentence) =>
        console.MarkupLine($"[{colour}]{kind}:[/] {Markup.Escape(sentence)}");

    private sealed class Release(Diagnostics owner) : IDisposable
    {
        public void Dispose()
        {
            owner._holding = false;
            foreach (string sentence in owner._held) owner.Warning(sentence);
            owner._held.Clear();
        }
    }
}
