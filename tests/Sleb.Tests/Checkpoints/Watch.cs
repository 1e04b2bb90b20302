namespace Sleb.Tests.Checkpoints;

/// <summary>Progress that runs on the thread that reports it, so that a test can step in at a known moment.</summary>
internal sealed class Watch(Action<(long Done, long Total)> action) : IProgress<(long Done, long Total)>
{
    public (long Done, long Total) Last { get; private set; }

    public void Report((long Done, long Total) value)
    {
        Last = value;
        action(value);
    }
}
