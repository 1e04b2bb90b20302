using Sleb.Core.Search;

namespace Sleb.Torch.Streaming;

/// <summary>Scores on a streamed model: while a block is in memory, all windows and all candidates of a group go through it.</summary>
/// <remarks>
/// Each sequence goes through alone, so that its loss depends neither on the group nor on the memory there is.
/// </remarks>
/// <param name="states">Hidden states (of one window each) that may be held at a time.</param>
internal sealed class WavefrontScorer(StreamedModel model, IReadOnlyList<int[]> windows, int states) : IBlockScorer
{
    /// <summary>Stands for the model as it is.</summary>
    private const int NoBlock = -1;

    public int BlockCount => model.BlockCount;

    /// <summary>The most states that were ever held.</summary>
    public int MostStates { get; private set; }

    public IReadOnlyList<double> Score(IReadOnlyList<int> alive, CancellationToken cancellationToken)
    {
        var losses = new List<double>();
        for (int first = 0; first < windows.Count; first += states)
            losses.AddRange(Walk([.. windows.Skip(first).Take(states)], alive, [NoBlock], cancellationToken).Select(tokens => tokens.Average()));
        return losses;
    }

    public IEnumerable<CandidateLosses> ScoreWithout(IReadOnlyList<int> alive, IReadOnlyList<int> candidates, CancellationToken cancellationToken)
    {
        var losses = candidates.ToDictionary(block => block, _ => new List<double>());
        int group = Math.Max(1, states / candidates.Count);
        for (int first = 0; first < windows.Count; first += group)
            foreach (int[] part in candidates.Chunk(states)) // one part, unless a single window's states are too many
            {
                int[][] ids = [.. windows.Skip(first).Take(group)];
                foreach (var (block, nll) in part.Zip(Walk(ids, alive, part, cancellationToken).Chunk(ids.Length)))
                    losses[block].AddRange(nll.Select(tokens => tokens.Average()));
            }
        return losses.OrderBy(candidate => candidate.Key).Select(candidate => new CandidateLosses(candidate.Key, candidate.Value));
    }

    /// <summary>The losses of every token: of the first candidate (ascending) on each sequence, then of the next.</summary>
    private IReadOnlyList<double[]> Walk(int[][] ids, IReadOnlyList<int> alive, int[] candidates, CancellationToken cancellationToken)
    {
        var branches = new List<Tensor[]>();
        Tensor[]? prefix = null; // behind all alive blocks so far, until the last candidate takes it
        try
        {
            prefix = Array.ConvertAll(ids, model.Embed);
            if (candidates[0] == NoBlock) Branch();
            for (int position = 0; position < alive.Count; position++)
            {
                int block = alive[position], before = branches.Count;
                if (before < candidates.Length && candidates[before] == block) Branch();
                var moving = branches.Take(before).Append(prefix ?? []).SelectMany(branch => branch.Select((_, w) => (branch, w))).ToList();
                if (moving.Count > 0) model.LoadBlock(block, next: position + 1 < alive.Count ? alive[position + 1] : null);
                foreach (var (branch, w) in moving)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    using var input = branch[w];
                    branch[w] = model.Block(input).DetachFromDisposeScope();
                }
            }
            return model.Losses([.. branches.SelectMany(branch => branch)], [.. branches.SelectMany(_ => ids)], cancellationToken);
        }
        finally
        {
            foreach (var state in branches.Append(prefix ?? []).SelectMany(branch => branch)) state.Dispose();
        }

        void Branch()
        {
            bool last = branches.Count + 1 == candidates.Length;
            branches.Add(last ? prefix! : Array.ConvertAll(prefix!, state => state.clone().DetachFromDisposeScope()));
            if (last) prefix = null;
            MostStates = Math.Max(MostStates, (branches.Count + (last ? 0 : 1)) * ids.Length);
        }
    }
}
