using System.Diagnostics;
using Sleb.Core.Search;

namespace Sleb.Torch.Streaming;

/// <summary>Scores on a streamed model: while a block is in memory, all windows of a pass and all candidates go through it.</summary>
/// <remarks>
/// Prefix sharing as in memory, the prefix in float32 in any arithmetic. Each window goes through alone, so that its loss depends neither
/// on the pass nor on the memory there is.
/// </remarks>
/// <param name="states">Hidden states (of one window each) that may be held at a time.</param>
internal sealed class WavefrontScorer(StreamedModel model, IReadOnlyList<int[]> windows, int states) : IBlockScorer
{
    public int BlockCount => model.BlockCount;

    public int WindowCount => windows.Count;

    public int WindowsPerPass => Math.Clamp(states / BlockCount, 1, windows.Count);

    /// <summary>The most states that were ever held.</summary>
    public int MostStates { get; private set; }

    public IEnumerable<WindowLoss> ScoreWithout(
        IReadOnlyList<int> alive, IReadOnlyList<int> candidates, int firstWindow, int windowCount, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        int[][] ids = [.. windows.Skip(firstWindow).Take(windowCount)];
        foreach (int[] part in candidates.Chunk(Math.Max(1, states / windowCount))) // one part, unless a single window's states are too many
        {
            var losses = Walk(ids, alive, part, arithmetic, null, cancellationToken);
            for (int i = 0; i < losses.Count; i++)
                yield return WindowLoss.Of(part[i / ids.Length], firstWindow + i % ids.Length, losses[i]);
        }
    }

    /// <summary>The mean loss of each window with only <paramref name="alive"/> (null: all) in place.</summary>
    public IReadOnlyList<double> WindowNll(IReadOnlyList<int>? alive, CancellationToken cancellationToken)
    {
        var losses = new List<double>();
        foreach (int[][] ids in windows.Chunk(states))
            losses.AddRange(Walk(ids, alive ?? All(), [IBlockScorer.NoBlock], Arithmetic.Fp32, null, cancellationToken)
                .Select(tokens => WindowLoss.Of(IBlockScorer.NoBlock, 0, tokens).Nll));
        return losses;
    }

    public BlockMeasurement MeasureBlocks(CancellationToken cancellationToken)
    {
        var (cosines, times) = (new double[BlockCount], new TimeSpan[BlockCount]);
        foreach (int[][] ids in windows.Chunk(states))
            Walk(ids, All(), [], Arithmetic.Fp32, Measure, cancellationToken);
        long tokens = windows.Sum(ids => (long)ids.Length);
        return new([.. cosines.Select(sum => 1 - sum / tokens)], [.. times.Select(time => Math.Round(time.TotalMilliseconds / windows.Count, 3))]);

        void Measure(int block, Tensor input, Tensor output, TimeSpan time)
        {
            using var scope = NewDisposeScope();
            cosines[block] += nn.functional.cosine_similarity(input, output, dim: -1).sum(ScalarType.Float64).item<double>();
            times[block] += time;
        }
    }

    /// <summary>The losses of every token: of the first candidate (ascending) on each sequence, then of the next.</summary>
    /// <param name="passed">Hears of the prefix's way through each block.</param>
    private IReadOnlyList<double[]> Walk(
        int[][] ids, IReadOnlyList<int> alive, int[] candidates, Arithmetic arithmetic, Action<int, Tensor, Tensor, TimeSpan>? passed, CancellationToken cancellationToken)
    {
        bool whole = candidates.Contains(IBlockScorer.NoBlock);
        int[] leftOut = candidates[(whole ? 1 : 0)..];
        var branches = new List<Tensor[]>();
        Tensor[]? prefix = null; // behind all alive blocks so far; the last branch takes it
        try
        {
            prefix = Array.ConvertAll(ids, model.Embed);
            for (int position = 0; position < alive.Count; position++)
            {
                int block = alive[position], before = branches.Count;
                int? next = position + 1 < alive.Count ? alive[position + 1] : null;
                if (before < leftOut.Length && leftOut[before] == block) Branch();
                if (prefix is not null) Advance(prefix, Arithmetic.Fp32, passed);
                foreach (var branch in branches.Take(before)) Advance(branch, arithmetic, null);

                void Advance(Tensor[] sequences, Arithmetic arithmetic, Action<int, Tensor, Tensor, TimeSpan>? passed)
                {
                    for (int w = 0; w < sequences.Length; w++)
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        using var input = sequences[w];
                        long start = Stopwatch.GetTimestamp();
                        sequences[w] = model.Block(block, input, arithmetic, next);
                        passed?.Invoke(block, input, sequences[w], Stopwatch.GetElapsedTime(start));
                    }
                }
            }
            if (whole) branches.Insert(0, prefix!);
            if (branches.Count == 0) return [];
            return model.TokenNll([.. branches.SelectMany(branch => branch)], [.. branches.SelectMany(_ => ids)], arithmetic, cancellationToken);
        }
        finally
        {
            foreach (var state in branches.Append(prefix ?? []).SelectMany(branch => branch)) state.Dispose();
        }

        void Branch()
        {
            bool last = !whole && passed is null && branches.Count + 1 == leftOut.Length;
            branches.Add(last ? prefix! : Array.ConvertAll(prefix!, state => state.clone().DetachFromDisposeScope()));
            if (last) prefix = null;
            MostStates = Math.Max(MostStates, (branches.Count + (last ? 0 : 1)) * ids.Length);
        }
    }

    private IReadOnlyList<int> All() => [.. Enumerable.Range(0, BlockCount)];
}
