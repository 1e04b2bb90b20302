using System.Runtime.ExceptionServices;

namespace Sleb.MLNet.Scoring;

/// <summary>The completions of rows that were read ahead: asking for one completes the batch it is in, and a row nobody asks for perhaps never.</summary>
internal sealed class CompletionWindow(IReadOnlyList<string> prompts, ScoringSettings settings, ResponseLengths lengths)
{
    private readonly string?[] _completions = new string?[prompts.Count];
    private readonly ExceptionDispatchInfo?[] _failures = new ExceptionDispatchInfo?[prompts.Count];
    private BatchSchedule? _schedule;

    /// <summary>How many rows are worth reading ahead.</summary>
    public static int Size(ScoringSettings settings) => Batch(settings) == 1 ? 1 : Math.Max(settings.BatchSize, settings.LookAhead);

    /// <summary>The completion of a row, if it was computed already.</summary>
    public string? this[int row] => _completions[row];

    /// <param name="warn">Hears a sentence (never text of the user's) where a prompt had to be cut.</param>
    public string Complete(int row, IScoringModel model, Action<string> warn, CancellationToken cancellationToken)
    {
        _schedule ??= Plan(model, warn);
        while (_completions[row] is null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _failures[row]?.Throw();
            RunBatch(row, _schedule, model, cancellationToken);
        }
        return _completions[row]!;
    }

    private BatchSchedule Plan(IScoringModel model, Action<string> warn)
    {
        int batch = Batch(settings);
        var schedule = new BatchSchedule(batch, lengths, batch == 1 || model.RereadsExactly);
        for (int row = 0; row < prompts.Count; row++)
        {
            try
            {
                int[] ids = model.Encode(prompts[row], settings, warn);
                // A prompt without a token has nothing to be continued from.
                if (ids.Length == 0) _completions[row] = "";
                else schedule.Add(new(row, ids, Math.Min(settings.MaxNewTokens, model.ContextLength - ids.Length)));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _failures[row] = ExceptionDispatchInfo.Capture(e); // the row's own, for whoever asks for it
            }
        }
        return schedule;
    }

    private void RunBatch(int row, BatchSchedule schedule, IScoringModel model, CancellationToken cancellationToken)
    {
        var (rows, steps) = schedule.Next(row);
        try
        {
            var added = model.Continue([.. rows.Select(one => (IReadOnlyList<int>)[.. one.Prompt, .. one.Written])], steps, settings, cancellationToken);
            foreach (var ended in schedule.Wrote(rows, steps, added)) _completions[ended.Index] = model.Decode(ended.Written);
        }
        catch (Exception e) when (rows.Count > 1 && e is not OperationCanceledException)
        {
            foreach (var one in rows) one.Alone = true;
        }
    }

    // Random numbers go on where they stopped only within a run.
    private static int Batch(ScoringSettings settings) => settings.Sample ? 1 : settings.BatchSize;
}
