using Sleb.MLNet;
using Sleb.MLNet.Experiments;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Reporting;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Shows an experiment while it runs: a live table of the best trials on a terminal, a line for each elsewhere.</summary>
internal sealed class ExperimentDisplay(CommandContext context, TimeProvider time)
{
    private const int Top = 5;

    /// <summary>A terminal is redrawn as often as this while losses come in.</summary>
    private static readonly TimeSpan Redraw = TimeSpan.FromSeconds(0.2);

    private readonly ResultLines _lines = new(context.Console);
    private readonly List<SlebTrialResult> _trials = [];
    private TrialChoice? _choice;
    private int _planned, _known, _failed;
    private string _trial = "", _doing = "reading the model";
    private long _spoke = time.GetTimestamp();

    public ExperimentOutcome Run(Func<Action<ExperimentEvent>, ExperimentOutcome> job)
    {
        if (!context.Console.Profile.Capabilities.Interactive) return job(Tell);
        using var held = context.Diagnostics.Hold();
        return context.Console.Live(Picture()).AutoClear(true).Start(live => job(happened =>
        {
            Show(happened);
            if (happened is ExperimentEvent.Search && time.GetElapsedTime(_spoke) < Redraw) return;
            _spoke = time.GetTimestamp();
            live.UpdateTarget(Picture());
        }));
    }

    /// <summary>What came of it: the best five, and those that failed.</summary>
    public void Finished(ExperimentOutcome outcome)
    {
        string kind = outcome.Choice.Objective == SlebObjective.ParetoFront ? "on the front" : "within the budget";
        _lines.Add("Trials", $"{outcome.Trials.Count} finished, {outcome.Ranked.Count} {kind}, {outcome.Failed.Count} failed{(outcome.Whole ? "" : "; it was stopped before the end")}");
        _lines.Add("Best", Describe(outcome.Choice));
        context.Console.Write(ExperimentTable.Of([.. outcome.Ranked.Take(Top)], outcome.Dense.Perplexity));
        foreach (var group in outcome.Failed.GroupBy(failed => failed.Reason))
            context.Diagnostics.Warning($"{(group.Count() == 1 ? "Trial" : "Trials")} {Numbers.List(group.Select(failed => failed.Settings.TrialId))} failed. {group.Key}");
    }

    private static string Describe(TrialChoice choice)
    {
        var bounds = new List<string>();
        if (choice.Budget.MaxPerplexityRise is { } rise) bounds.Add($"perplexity at most {Numbers.Change(1, 1 + rise)}");
        if (choice.Budget.MaxModelBytes is { } bytes) bounds.Add($"at most {Numbers.Bytes(bytes)}");
        if (choice.Budget.MaxMillisecondsPerToken is { } limit) bounds.Add(FormattableString.Invariant($"at most {limit} ms a token"));
        return Figures.Name(choice.Objective) + (bounds.Count > 0 ? $", {string.Join(", ", bounds)}" : "");
    }

    private void Tell(ExperimentEvent happened)
    {
        Show(happened);
        switch (happened)
        {
            case ExperimentEvent.Started started:
                _lines.Add("Experiment", $"{started.Trials} trials of {started.Blocks} {started.Family} blocks" + (started.Known > 0 ? $", {started.Known} finished already" : ""));
                _lines.Add("Folder", Paths.Short(Path.GetFullPath(started.Folder)));
                _lines.Add("Best", Describe(started.Choice));
                _lines.Add("Timed", started.Latency.Describe());
                break;
            case ExperimentEvent.Search { Happened: PruneEvent.Decided decided }:
                new PruneLines(context.Console).Decided(decided);
                break;
            case ExperimentEvent.Search { Happened: PruneEvent.Scored } when time.GetElapsedTime(_spoke) > CountedProgress.Quiet:
                _lines.Add("", _doing);
                break;
            case ExperimentEvent.Completed { Result: var result, IsBest: var best }:
                _lines.Add($"Trial {result.Settings.TrialId}", ExperimentTable.Line(result) + (best ? ", the best so far" : ""));
                break;
            case ExperimentEvent.Failed failed:
                _lines.Add($"Trial {failed.Trial.Settings.TrialId}", "failed");
                break;
            default:
                return;
        }
        _spoke = time.GetTimestamp();
    }

    private void Show(ExperimentEvent happened)
    {
        switch (happened)
        {
            case ExperimentEvent.Started started:
                (_choice, _planned, _known) = (started.Choice, started.Trials, started.Known);
                context.CancelledSentence = $"The same command continues from {Paths.Short(Path.GetFullPath(started.Folder))}, which keeps every finished trial.";
                break;
            case ExperimentEvent.Running running:
                (_trial, _doing) = ($"trial {_trials.Count + _failed + 1} of {_planned}: {ExperimentTable.Settings(running.Settings)}", "searching");
                break;
            case ExperimentEvent.Search { Happened: PruneEvent.Scored { Progress: var at } }:
                _doing = $"round {at.Round}/{at.Rounds} of the search, {at.Scored} of {at.Losses} losses";
                break;
            case ExperimentEvent.Search { Happened: PruneEvent.Warning warning }:
                context.Diagnostics.Warning(warning.Message);
                break;
            case ExperimentEvent.Phase phase:
                _doing = phase.Name;
                break;
            case ExperimentEvent.Completed completed:
                _trials.Add(completed.Result);
                break;
            case ExperimentEvent.Failed:
                _failed++;
                break;
            case ExperimentEvent.Warning warning:
                context.Diagnostics.Warning(warning.Message);
                break;
        }
    }

    private Rows Picture()
    {
        string counts = _choice is null ? "" : $"{_trials.Count} of {_planned} trials finished" + (_known > 0 ? $", {_known} of them before" : "") + (_failed > 0 ? $", {_failed} failed" : "");
        return new(
            ExperimentTable.Of([.. _choice?.Rank(_trials).Take(Top) ?? []], densePerplexity: null),
            new Text(counts), new Text(_trial), new Text(_doing));
    }
}
