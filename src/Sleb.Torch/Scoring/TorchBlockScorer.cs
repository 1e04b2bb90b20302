using Sleb.Core.Search;

namespace Sleb.Torch.Scoring;

/// <summary>Scores candidates in float32 on the checkpoint's weights.</summary>
/// <remarks>
/// Prefix sharing: the hidden states walk through the alive blocks once a round, and at each candidate the walk branches into
/// "without this block", so a candidate costs only the blocks behind it. About half the block passes, the same arithmetic.
/// </remarks>
internal sealed class TorchBlockScorer(TorchModel model, IReadOnlyList<int[]> windows) : IBlockScorer
{
    public int BlockCount => model.BlockCount;

    public IReadOnlyList<double> Score(IReadOnlyList<int> alive, CancellationToken cancellationToken) =>
        model.WindowNll(windows, alive, cancellationToken);

    public IEnumerable<CandidateLosses> ScoreWithout(IReadOnlyList<int> alive, IReadOnlyList<int> candidates, CancellationToken cancellationToken)
    {
        var prefix = Embed();
        try
        {
            int scored = 0;
            for (int position = 0; scored < candidates.Count; position++)
            {
                int block = alive[position];
                if (block == candidates[scored])
                {
                    var behind = alive.Skip(position + 1);
                    yield return new(block, [.. windows.Select((ids, w) => model.Loss(prefix[w], behind, ids, cancellationToken))]);
                    scored++;
                }
                Advance(prefix, block, cancellationToken);
            }
        }
        finally
        {
            Array.ForEach(prefix, hidden => hidden.Dispose());
        }
    }

    /// <summary>1 - E[cos(input, output)] of every block of the dense model over all tokens.</summary>
    /// <remarks>Block Influence of ShortGPT (Men et al. 2024, arXiv 2403.03853); the cosine is the second metric of the SLEB paper.</remarks>
    public IReadOnlyList<double> BlockInfluence(CancellationToken cancellationToken)
    {
        var influence = new double[BlockCount];
        long tokens = windows.Sum(ids => (long)ids.Length);
        var hidden = Embed();
        try
        {
            for (int block = 0; block < influence.Length; block++)
            {
                double cosines = 0;
                for (int w = 0; w < hidden.Length; w++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    using var input = hidden[w];
                    hidden[w] = Keep(model.Block(block, input));
                    using var cosine = nn.functional.cosine_similarity(input, hidden[w], dim: -1);
                    using var sum = cosine.sum(ScalarType.Float64);
                    cosines += sum.item<double>();
                }
                influence[block] = 1 - cosines / tokens;
            }
        }
        finally
        {
            Array.ForEach(hidden, state => state.Dispose());
        }
        return influence;
    }

    private Tensor[] Embed() => [.. windows.Select(ids => Keep(model.Embed(ids)))];

    private void Advance(Tensor[] states, int block, CancellationToken cancellationToken)
    {
        for (int w = 0; w < states.Length; w++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var input = states[w];
            states[w] = Keep(model.Block(block, input));
        }
    }

    /// <summary>States outlive the scope of whoever enumerates.</summary>
    private static Tensor Keep(Tensor tensor) => tensor.DetachFromDisposeScope();
}
