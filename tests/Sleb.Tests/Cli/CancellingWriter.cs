namespace Sleb.Tests.Cli;

/// <summary>Collects output and cancels as soon as a text stands in it: Ctrl-C at a known place.</summary>
internal sealed class CancellingWriter(string trigger, CancellationTokenSource source) : StringWriter
{
    public override void Write(char value)
    {
        base.Write(value);
        Check();
    }

    public override void Write(char[] buffer, int index, int count)
    {
        base.Write(buffer, index, count);
        Check();
    }

    public override void Write(ReadOnlySpan<char> buffer)
    {
        base.Write(buffer);
        Check();
    }

    public override void Write(string? value)
    {
        base.Write(value);
        Check();
    }

    private void Check()
    {
        if (GetStringBuilder().ToString().Contains(trigger, StringComparison.Ordinal)) source.Cancel();
    }
}
