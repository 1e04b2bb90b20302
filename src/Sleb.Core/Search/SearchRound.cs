namespace Sleb.Core.Search;

/// <summary>One look at the candidates: what is known of each, and how more is measured.</summary>
/// <param name="number">The round that measurements are remembered under; 0 is the dense model's.</param>
/// <param name="alive">The blocks in place, candidates included.</param>
/// <param name="scored">Hears of every new loss.</param>
internal sealed class SearchRound(
    int number, IReadOnlyList<int> alive, IBlockScorer scorer, ISearchTrace trace, Action<WindowLoss>? scored, CancellationToken cancellationToken)
{
    public int Windows => scorer.WindowCount;

    public int WindowsPerPass => scorer.WindowsPerPass;

    /// <summary>Puts the blocks through the windows, as far as they have not been.</summary>
    public void Measure(IReadOnlyList<int> blocks, int firstWindow, int windows, Arithmetic arithmetic)
    {
        for (int start = firstWindow; start < firstWindow + windows; start += WindowsPerPass)
        {
            int count = Math.Min(WindowsPerPass, firstWindow + windows - start);
            int[] open = [.. blocks.Where(block => Enumerable.Range(start, count).Any(window => Find(block, window, arithmetic) is null))];
            if (open.Length == 0) continue;
            foreach (var loss in scorer.ScoreWithout(alive, open, start, count, arithmetic, cancellationToken))
            {
                if (Find(loss.Block, loss.Window, arithmetic) is not null) continue; // a pass that was cut short is repeated whole
                trace.Append(number, loss, arithmetic);
                scored?.Invoke(loss);
            }
        }
    }

    /// <summary>A block's losses on the first windows, up to the first one that it has not been through.</summary>
    /// <param name="most">Windows to look at: a search that is resumed knows more than it did when it decided.</param>
    public CandidateLosses Losses(int block, Arithmetic arithmetic, int most = int.MaxValue)
    {
        var known = new List<WindowLoss>();
        while (known.Count < Math.Min(Windows, most) && Find(block, known.Count, arithmetic) is { } loss) known.Add(loss);
        return new(block, known);
    }

    private WindowLoss? Find(int block, int window, Arithmetic arithmetic) => trace.Find(number, block, window, arithmetic);
}
