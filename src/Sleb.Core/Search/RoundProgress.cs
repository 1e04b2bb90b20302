namespace Sleb.Core.Search;

/// <summary>Tells of every loss of one round, and how much of the search is done.</summary>
internal sealed class RoundProgress(Action<SearchProgress> tell, int round, int rounds, IReadOnlyList<int> candidates, IBlockScorer scorer, SearchSettings settings)
{
    /// <summary>The head's cost in blocks, in a small model.</summary>
    private const double Head = 2;

    private SearchRound? _round;
    private IReadOnlyList<int>? _live;
    private int _scored;

    /// <summary>Takes note of what is known already.</summary>
    public void Start(SearchRound look)
    {
        _round = look;
        _scored = candidates.Sum(block => look.Losses(block, settings.Arithmetic).Windows.Count);
    }

    /// <summary>Racing goes on with these only.</summary>
    public void Narrowed(IReadOnlyList<int> live) => _live = live;

    public void Scored(WindowLoss loss)
    {
        _scored++;
        // Losses that are looked at a second time, in float32, come on top of those that were foreseen.
        int left = (_live ?? candidates).Sum(block => scorer.WindowCount - _round!.Losses(block, settings.Arithmetic).Windows.Count);
        int losses = Math.Max(_scored, _scored + left);
        var candidate = _round!.Losses(loss.Block, settings.Arithmetic);
        tell(new(round, rounds, _scored, losses, candidate, Done((double)_scored / losses)));
    }

    /// <summary>In block passes: a candidate costs the blocks behind it and the head.</summary>
    private double Done(double shareOfRound)
    {
        double all = 0, done = 0;
        for (int r = 1; r <= rounds; r++)
        {
            int alive = scorer.BlockCount - (r - 1);
            double cost = (alive - settings.EarlyBarrier - settings.LateBarrier) * (alive / 2.0 + Head);
            all += cost;
            done += cost * (r < round ? 1 : r == round ? shareOfRound : 0);
        }
        return done / all;
    }
}
