using Sleb.MLNet.Pruning;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Shows the main job while it runs: a live bar under the lines on a terminal, lines alone elsewhere.</summary>
internal sealed class PruneDisplay(CommandContext context, PruneRequest request, TimeProvider time)
{
    private readonly PruneLines _lines = new(context.Console);
    private TimeLeft? _timeLeft;
    private long _spoke = time.GetTimestamp();

    public PruneResult Run(Func<Action<PruneEvent>, PruneResult> job)
    {
        var result = context.Console.Profile.Capabilities.Interactive ? RunLive(job) : job(next => Handle(next, null));
        _lines.Finished(result);
        return result;
    }

    private PruneResult RunLive(Func<Action<PruneEvent>, PruneResult> job)
    {
        using var held = context.Diagnostics.Hold();
        return context.Console.Progress()
            .AutoClear(true)
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .Start(live =>
            {
                var task = live.AddTask("reading the model");
                task.IsIndeterminate = true;
                return job(next => Handle(next, task));
            });
    }

    private void Handle(PruneEvent next, ProgressTask? bar)
    {
        switch (next)
        {
            case PruneEvent.Started started:
                _timeLeft = new TimeLeft(time);
                context.CancelledSentence = $"The same command continues from {Paths.Short(started.RunFolder)}, which keeps every score.";
                _lines.Started(request.ModelFolder, started);
                break;
            case PruneEvent.Memory memory:
                _lines.Memory(memory.Plan);
                break;
            case PruneEvent.Scored scored:
                Scored(scored, bar);
                break;
            case PruneEvent.Decided decided:
                _lines.Decided(decided);
                _spoke = time.GetTimestamp();
                break;
            case PruneEvent.Phase phase:
                if (bar is null) _lines.Phase(phase.Name);
                else (bar.Description, bar.IsIndeterminate) = (Markup.Escape(phase.Name), true);
                break;
            case PruneEvent.Warning warning:
                context.Diagnostics.Warning(warning.Message);
                break;
        }
    }

    private void Scored(PruneEvent.Scored scored, ProgressTask? bar)
    {
        var at = scored.Progress;
        _timeLeft?.Scored(at.Done);
        string text = $"round {at.Round}/{at.Rounds}, {at.Scored} of {at.Losses} losses"
            + (_timeLeft?.Left is { } left ? $", about {Numbers.Duration(left)} of the search left" : "");
        if (bar is not null)
        {
            (bar.Description, bar.IsIndeterminate) = (Markup.Escape(text), false);
            // A bar that reaches its end counts as finished for good, and there are phases behind the search.
            bar.Value = Math.Min(99.9, 100 * at.Done);
        }
        else if (time.GetElapsedTime(_spoke) > CountedProgress.Quiet)
        {
            _lines.Progress(text);
            _spoke = time.GetTimestamp();
        }
    }
}
