namespace Sleb.Cli.Output;

/// <summary>
/// How long a search still takes, from the share of its work that was done in this process. Says nothing until it has seen a few losses:
/// the first ones pay for what is only done once.
/// </summary>
internal sealed class TimeLeft(TimeProvider time)
{
    private const int Few = 8;
    private long _first;
    private double _doneAtFirst, _done;
    private int _scored;

    /// <summary>Takes note of a loss.</summary>
    /// <param name="done">The share of the whole search that is done with it, 0 to 1.</param>
    public void Scored(double done)
    {
        if (_scored++ == 0) (_first, _doneAtFirst) = (time.GetTimestamp(), done); // loading, the dense model and what was resumed lie before it
        _done = done;
    }

    /// <summary>The time to the end of the last round, or null where nothing honest can be said yet.</summary>
    public TimeSpan? Left => _scored < Few || _done <= _doneAtFirst ? null : time.GetElapsedTime(_first) * ((1 - _done) / (_done - _doneAtFirst));
}
