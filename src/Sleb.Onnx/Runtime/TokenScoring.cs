using Sleb.Core.Evaluation;

namespace Sleb.Onnx.Runtime;

/// <summary>Scores tokens of sequences that begin alike: what they share goes through the model once, and each goes on from its cache.</summary>
internal sealed class TokenScoring(SharedModel model, int vocabSize, int chunkLength)
{
    public IReadOnlyList<TokenScore[]> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellationToken)
    {
        var scores = sequences.Select(sequence => new TokenScore[sequence.Targets]).ToArray();
        int shared = sequences[0].Input.Length;
        foreach (var sequence in sequences) shared = sequences[0].Input[..shared].CommonPrefixLength(sequence.Input);
        using var session = model.Open(1, sequences.Max(sequence => sequence.Input.Length));
        Read([.. Enumerable.Range(0, scores.Length)], 0, shared);
        for (int s = 0, read = shared; s < scores.Length; s++)
        {
            int end = sequences[s].Input.Length;
            if (end == shared) continue;
            if (read > shared) session.RewindTo(shared);
            Read([s], shared, read = end);
        }
        return scores;

        // Appends the ids at the positions from start to end, which these sequences have in common, and keeps what predicts their targets.
        void Read(int[] those, int start, int end)
        {
            for (int next; start < end; start = next)
            {
                cancellationToken.ThrowIfCancellationRequested();
                next = Math.Min(start + chunkLength, end);
                session.Append(sequences[those[0]].Ids.AsSpan(start..next));
                int wanted = Math.Max(start, those.Min(s => sequences[s].First) - 1);
                if (wanted >= next) continue;
                var logits = session.Logits(wanted - start, out int rows);
                for (int row = 0; row < rows; row++)
                    foreach (int s in those)
                        if (wanted + row + 1 - sequences[s].First is >= 0 and var target && target < scores[s].Length)
                            scores[s][target] = TokenScoreOf(logits.Slice(row * vocabSize, vocabSize), sequences[s].Ids[wanted + row + 1]);
            }
        }
    }

    private static TokenScore TokenScoreOf(ReadOnlySpan<float> logits, int id) => new(-LogSumExp.Nll(logits, id), TokenSampler.ArgMax(logits) == id);
}
