namespace Sleb.MLNet.Scoring;

/// <summary>
/// Which rows of a window go through the model together, and how far: neighbours in expected length, as far as their completions are
/// expected to go. A row that outgrows its batch waits for another one (Zheng et al. 2023, arXiv 2305.13144).
/// </summary>
/// <param name="batchSize">The most rows of a batch.</param>
/// <param name="lengths">What is known about completions; it learns from those that end here.</param>
/// <param name="keepsWritten">
/// Whether a row that outgrew its batch goes on from what it has written; otherwise it starts anew, for models that would go on
/// differently after reading that.
/// </param>
internal sealed class BatchSchedule(int batchSize, ResponseLengths lengths, bool keepsWritten)
{
    private readonly List<WaitingRow> _waiting = [];

    public void Add(WaitingRow row) => _waiting.Add(row);

    /// <summary>The next batch with the row <paramref name="index"/>, and how many tokens each of its rows may add.</summary>
    public (IReadOnlyList<WaitingRow> Rows, int Steps) Next(int index)
    {
        var wanted = _waiting.Single(row => row.Index == index);
        if (wanted.Alone || batchSize == 1) return ([wanted], wanted.Left);
        WaitingRow[] sorted = [.. _waiting.Where(row => !row.Alone).OrderBy(Expected).ThenBy(row => row.Length)];
        int start = Array.IndexOf(sorted, wanted) / batchSize * batchSize;
        WaitingRow[] rows = sorted[start..Math.Min(start + batchSize, sorted.Length)];
        int expected = rows.Max(Expected), most = rows.Max(row => row.Left);
        // Reading a token again costs about as much as dragging an ended row along for one: a batch stops early only where that saves work.
        bool stops = (rows.Length - 1) * (most - expected) > rows.Max(row => row.Length) + expected;
        return (rows, stops ? expected : most);
    }

    /// <summary>Takes what the rows of a batch have added: fewer tokens than its steps mean that a row has ended.</summary>
    /// <returns>The rows that have ended; the others wait again.</returns>
    public IReadOnlyList<WaitingRow> Wrote(IReadOnlyList<WaitingRow> rows, int steps, IReadOnlyList<IReadOnlyList<int>> added)
    {
        var ended = new List<WaitingRow>();
        for (int i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            int[] written = [.. row.Written, .. added[i].Take(row.Left)];
            bool ends = added[i].Count < steps || written.Length == row.Limit;
            row.AtLeast = written.Length;
            if (ends || keepsWritten) row.Written = written;
            if (!ends) continue;
            lengths.Add(row.Prompt.Count, written.Length);
            _waiting.Remove(row);
            ended.Add(row);
        }
        return ended;
    }

    /// <summary>Tokens a row is expected to add still.</summary>
    private int Expected(WaitingRow row) => lengths.Expect(row.Prompt.Count, row.AtLeast, row.Limit) - row.Written.Count;
}
