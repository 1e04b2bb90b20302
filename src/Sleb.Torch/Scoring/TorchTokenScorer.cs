using Sleb.Core.Evaluation;
using Sleb.Core.Families;
using Sleb.Core.Search;

namespace Sleb.Torch.Scoring;

/// <summary>Scores tokens in float32 on the checkpoint's weights.</summary>
/// <param name="alive">The blocks in place; null is all of them.</param>
internal sealed class TorchTokenScorer(TorchModel model, ModelConfig config, IReadOnlyList<int>? alive = null) : ITokenScorer
{
    /// <summary>
    /// Tokens a pass, padding included: a few short sequences side by side keep the cores busy, long ones do so alone. It is also below
    /// the length at which rotary frequencies begin to depend on the length, where padding would change them.
    /// </summary>
    private const int BatchTokens = 1024;

    private readonly IReadOnlyList<int> _blocks = alive ?? [.. Enumerable.Range(0, model.BlockCount)];

    public int ContextLength => config.MaxPositionEmbeddings;

    public int VocabSize => config.VocabSize;

    public IReadOnlyList<TokenScore[]> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellationToken)
    {
        var scores = new TokenScore[sequences.Count][];
        foreach (int[] batch in Batches(sequences))
        {
            var together = Array.ConvertAll(batch, s => sequences[s]);
            foreach (var (s, result) in batch.Zip(Run(together, cancellationToken))) scores[s] = result;
        }
        return scores;
    }

    /// <summary>By length, so that little is padding.</summary>
    private static IEnumerable<int[]> Batches(IReadOnlyList<ScoredSequence> sequences)
    {
        var batch = new List<int>();
        foreach (int s in Enumerable.Range(0, sequences.Count).OrderBy(s => sequences[s].Ids.Length))
        {
            if (batch.Count > 0 && (batch.Count + 1) * sequences[s].Input.Length > BatchTokens)
            {
                yield return [.. batch];
                batch.Clear();
            }
            batch.Add(s);
        }
        yield return [.. batch];
    }

    private IReadOnlyList<TokenScore[]> Run(ScoredSequence[] sequences, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        // Sequences that differ in their last id alone are one to the model: answers of one token cost one pass.
        int[] row = Array.ConvertAll(sequences, one => Array.FindIndex(sequences, other => other.Input.SequenceEqual(one.Input)));
        int[] rows = [.. row.Distinct()];
        var hidden = model.Run(model.Embed([.. rows.Select(s => sequences[s].Input.ToArray())]), _blocks, Arithmetic.Fp32, cancellationToken); // (B, T, H)
        var wanted = sequences.Select((sequence, s) => hidden[Array.IndexOf(rows, row[s])].narrow(0, sequence.First - 1, sequence.Targets));
        int[] targets = [.. sequences.SelectMany(sequence => sequence.Ids[sequence.First..])];
        var scores = model.Predict(cat([.. wanted], dim: 0), targets);
        int taken = 0;
        return [.. sequences.Select(sequence => scores[taken..(taken += sequence.Targets)])];
    }
}
