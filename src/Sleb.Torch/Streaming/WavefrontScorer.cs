using Sleb.Core.Search;

namespace Sleb.Torch.Streaming;

/// <summary>Scores on a streamed model: while a block is in memory, all windows and all candidates of a group go through it.</summary>
/// <remarks>
/// Each sequence goes through alone, so that its loss depends neither on the group nor on the memory there is.
/// </remarks>
/// <param name="states">Hidden states (of one window each) that may be held at a time.</param>
internal sealed class WavefrontScorer(StreamedModel model, IReadOnlyList<int[]> windows, int states) : IBlockScorer
{
    public int BlockCount => model.BlockCount;

    /// <summary>The most states that were ever held.</summary>
    public int MostStates { get; private set; }

    public IReadOnlyList<double> Score(IReadOnlyList<int> alive, CancellationToken cancellationToken)
    {
        var losses = new List<double>();
        for (int first = 0; first < windows.Count; first += states)
            losses.AddRange(Walk([.. windows.Skip(first).Take(states)], alive, [], cancellationToken).Single());
        return losses;
    }

    public IEnumerable<CandidateLosses> ScoreWithout(IReadOnlyList<int> alive, IReadOnlyList<int> candidates, CancellationToken cancellationToken)
    {
        var losses = candidates.ToDictionary(block => block, _ => new List<double>());
        int group = Math.Max(1, states / candidates.Count);
        for (int first = 0; first < windows.Count; first += group)
            foreach (var part in candidates.Chunk(states)) // one part, unless a single window's states are too many
                foreach (var (block, nll) in part.Zip(Walk([.. windows.Skip(first).Take(group)], alive, part, cancellationToken)))
                    losses[block].AddRange(nll);
        return losses.OrderBy(candidate => candidate.Key).Select(candidate => new CandidateLosses(candidate.Key, candidate.Value));
    }

    /// <summary>The losses of each branch, which leaves its candidate out; without candidates, of the model as it is.</summary>
    private IEnumerable<IReadOnlyList<double>> Walk(int[][] ids, IReadOnlyList<int> alive, int[] candidates, CancellationToken cancellationToken)
    {
        Tensor[]? prefix = Array.ConvertAll(ids, model.Embed);
        var branches = new List<Tensor[]>();
        var waiting = new Queue<int>(candidates);
        if (waiting.Count == 0) Branch();
        try
        {
            for (int position = 0; position < alive.Count; position++)
            {
                int block = alive[position], before = branches.Count;
                if (waiting.TryPeek(out int candidate) && block == candidate)
                {
                    waiting.Dequeue();
                    Branch();
                }
                if (prefix is null && before == 0) continue; // the only branch starts behind this block
                model.LoadBlock(block, position + 1 < alive.Count ? alive[position + 1] : null);
                foreach (var branch in branches.Take(before)) Advance(branch, cancellationToken);
                if (prefix is not null) Advance(prefix, cancellationToken);
            }
            var losses = model.Losses([.. branches.SelectMany(branch => branch)], [.. branches.SelectMany(_ => ids)], cancellationToken);
            return losses.Chunk(ids.Length);
        }
        finally
        {
            foreach (var branch in branches) Array.ForEach(branch, state => state.Dispose());
            if (prefix is not null) Array.ForEach(prefix, state => state.Dispose());
        }

        // The last branch takes the prefix itself.
        void Branch()
        {
            branches.Add(waiting.Count == 0 ? prefix! : Array.ConvertAll(prefix!, state => state.clone().DetachFromDisposeScope()));
            if (waiting.Count == 0) prefix = null;
            MostStates = Math.Max(MostStates, (branches.Count + (prefix is null ? 0 : 1)) * ids.Length);
        }
    }

    private void Advance(Tensor[] states, CancellationToken cancellationToken)
    {
        for (int w = 0; w < states.Length; w++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var input = states[w];
            states[w] = model.Block(input).DetachFromDisposeScope();
        }
    }
}
