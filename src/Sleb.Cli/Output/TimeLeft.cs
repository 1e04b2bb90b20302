namespace Sleb.Cli.Output;

/// <summary>
/// How long a search still takes, from the candidates scored so far in this process. Says nothing until it has seen a few: the first
/// ones pay for what is only done once.
/// </summary>
internal sealed class TimeLeft(int blocks, int rounds, int earlyBarrier, int lateBarrier, TimeProvider time)
{
    private const int Few = 4;
    private long _first;
    private int _scored;
    private double _work;

    /// <summary>Takes note of a candidate: the <paramref name="position"/>th of its round, both from 1.</summary>
    public void Scored(int round, int position)
    {
        if (_scored++ == 0) _first = time.GetTimestamp(); // loading and the dense model lie before it
        else _work += Cost(round, position);
    }

    /// <summary>The time from a candidate to the end of the last round, or null where nothing honest can be said yet.</summary>
    public TimeSpan? After(int round, int position)
    {
        if (_scored < Few) return null;
        double left = 0;
        for (int r = round; r <= rounds; r++)
            for (int p = r == round ? position + 1 : 1; p <= Candidates(r); p++) left += Cost(r, p);
        return time.GetElapsedTime(_first) * (left / _work);
    }

    private int Candidates(int round) => blocks - (round - 1) - earlyBarrier - lateBarrier;

    /// <summary>Block passes: the blocks behind the candidate, one step of the shared prefix, and the head counted as one more.</summary>
    private double Cost(int round, int position)
    {
        int alive = blocks - (round - 1), index = earlyBarrier + position - 1;
        return alive - index - 1 + 2;
    }
}
