using System.Diagnostics;
using Sleb.Benchmarks.Search;

namespace Sleb.Benchmarks.Naive;

/// <summary>SLEB's loop as published: one candidate at a time, one window at a time, the whole model.</summary>
/// <remarks>The official script's block_removal (github.com/jiwonsong-dev/SLEB, sleb.py), barriers 1 and 1.</remarks>
internal sealed class NaiveSearch(NaiveLlama model, IReadOnlyList<int[]> windows)
{
    private readonly Stopwatch _blockTime = new(), _headTime = new();
    private long _blockPasses, _headPasses;

    /// <summary>The decisions until the end, or until <paramref name="overBudget"/> says stop.</summary>
    public IReadOnlyList<Decision> Run(int removeBlocks, Func<bool> overBudget)
    {
        var decisions = new List<Decision>();
        var alive = Enumerable.Range(0, model.BlockCount).ToList();
        while (decisions.Count < removeBlocks)
        {
            var losses = new List<(int Block, double MeanNll)>();
            foreach (int candidate in alive[1..^1])
            {
                double sum = 0;
                foreach (int[] window in windows)
                {
                    sum += Loss(window, alive.Where(block => block != candidate));
                    if (overBudget()) return decisions;
                }
                losses.Add((candidate, sum / windows.Count));
            }
            var ranked = losses.OrderBy(loss => loss.MeanNll).Take(2).ToList();
            decisions.Add(new(ranked[0].Block, ranked[0].MeanNll, ranked.Count > 1 ? ranked[1].Block : null));
            alive.Remove(ranked[0].Block);
        }
        return decisions;
    }

    /// <summary>What the passes that were not made would have taken, from the mean times of those that were.</summary>
    public double SecondsLeft(int removeBlocks)
    {
        long blocks = 0, heads = 0;
        for (int alive = model.BlockCount; alive > model.BlockCount - removeBlocks; alive--)
        {
            long passes = (long)(alive - 2) * windows.Count;
            heads += passes;
            blocks += passes * (alive - 1);
        }
        return (blocks - _blockPasses) * _blockTime.Elapsed.TotalSeconds / _blockPasses + (heads - _headPasses) * _headTime.Elapsed.TotalSeconds / _headPasses;
    }

    private double Loss(int[] window, IEnumerable<int> alive)
    {
        int[] blocks = [.. alive];
        _blockTime.Start();
        using var hidden = model.Run(window, blocks);
        _blockTime.Stop();
        _headTime.Start();
        double loss = model.Loss(hidden, window);
        _headTime.Stop();
        _blockPasses += blocks.Length;
        _headPasses++;
        return loss;
    }
}
