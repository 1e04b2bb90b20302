using Sleb.MLNet.Internals;

namespace Sleb.MLNet.Scoring;

/// <summary>What cursors and rows ask: a model that is loaded when the first of them needs it, with its settings, its log and its cancel flag.</summary>
internal sealed class RowScorer(Func<ModelLease> acquire, ScoringSettings settings, Surroundings surroundings, CancellationToken token)
{
    private int _warned;

    public ScoringSettings Settings => settings;

    public string Complete(string prompt) => Complete(new([prompt], settings, new()), 0);

    public string Complete(CompletionWindow window, int row)
    {
        if (window[row] is { } done) return done;
        using var lease = acquire();
        using var cancel = surroundings.WatchCancel(token);
        return window.Complete(row, lease.Model, Warn, cancel.Token);
    }

    public float NegativeLogLikelihood(string text)
    {
        using var lease = acquire();
        using var cancel = surroundings.WatchCancel(token);
        return lease.Model.NegativeLogLikelihood(text, cancel.Token);
    }

    // One cut prompt is worth a line; a hundred thousand lines would bury everything else.
    private void Warn(string message)
    {
        if (Interlocked.Exchange(ref _warned, 1) != 0) return;
        using var channel = surroundings.StartChannel("SlebModel");
        channel.Warning(Microsoft.ML.Runtime.MessageSensitivity.None, message + " Further prompts that are cut are not reported.");
    }
}
