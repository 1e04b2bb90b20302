using Sleb.Onnx.GenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>Greedy continuation of several prompts in one generator, where that gives what single runs give; single runs elsewhere.</summary>
internal sealed class BatchDecoding(GenAIModel owner, SharedModel model)
{
    /// <summary>Bytes of logits a batched prompt may take: GenAI computes those of every position, and copies them all when asked for some.</summary>
    private const long MaxLogitBytes = 512L << 20;

    public IReadOnlyList<int>[] Generate(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellationToken)
    {
        var results = new IReadOnlyList<int>[prompts.Count];
        for (int first = 0; first < prompts.Count;)
        {
            int count = Take(prompts, first, out int longest);
            // Every row has its own random numbers, so that it does not depend on its neighbours: GenAI's batched sampling has not.
            // Near the end of the context the padding would cost a short row ids that it gets alone. A batch is read at once, a
            // single run in chunks, and there are models to which that makes a difference.
            if (count == 1 || options.Sample || options.MaxNewTokens == 0 || (long)longest + options.MaxNewTokens > owner.ContextLength
                || longest > GenAIModel.ChunkLength && !owner.RereadsExactly)
                for (int row = first; row < first + count; row++) results[row] = owner.Generate(prompts[row], options, null, cancellationToken);
            else
                RunBatch(prompts, first, count, longest, options, results, cancellationToken);
            first += count;
        }
        return results;
    }

    private int Take(IReadOnlyList<IReadOnlyList<int>> prompts, int first, out int longest)
    {
        int count = 0;
        longest = 0;
        for (; first + count < prompts.Count; count++)
        {
            int length = Math.Max(longest, prompts[first + count].Count);
            if (count > 0 && (count + 1L) * length * owner.VocabSize * sizeof(float) > MaxLogitBytes) break;
            longest = length;
        }
        return count;
    }

    private void RunBatch(IReadOnlyList<IReadOnlyList<int>> prompts, int first, int count, int longest,
        GenerationOptions options, IReadOnlyList<int>[] results, CancellationToken cancellationToken)
    {
        int[] padded = new int[count * longest];
        Array.Fill(padded, GenAIConfig.NoPadToken); // on the right: GenAI counts each row's ids from its start
        for (int row = 0; row < count; row++)
            for (int i = 0; i < prompts[first + row].Count; i++) padded[row * longest + i] = prompts[first + row][i];

        int[] lasts = [.. Enumerable.Range(first, count).Select(row => prompts[row].Count - 1)];
        var rows = new List<int>[count];
        for (int row = 0; row < count; row++) rows[row] = [];
        bool[] ended = new bool[count];
        using (var session = model.Open(count, longest + options.MaxNewTokens))
        {
            session.Append(padded);
            for (int step = 0; step < options.MaxNewTokens && !session.IsDone; step++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var next = session.Step();
                TokenSampler.CheckFinite(step == 0 ? session.LogitsAt(lasts) : session.Logits(out _));
                for (int row = 0; row < count; row++)
                {
                    ended[row] |= next[row] == GenAIConfig.NoPadToken || owner.EosTokenIds.Contains(next[row]);
                    if (!ended[row]) rows[row].Add(next[row]);
                }
            }
        }
        // GenAI ends a row at an end-of-sequence id for good: one that should have gone on is run alone.
        for (int row = 0; row < count; row++)
        {
            bool cut = rows[row].Count < options.MaxNewTokens && (options.IgnoreEos || owner.EosTokenIds.Count == 0);
            results[first + row] = cut ? owner.Generate(prompts[first + row], options, null, cancellationToken) : rows[row];
        }
    }
}
