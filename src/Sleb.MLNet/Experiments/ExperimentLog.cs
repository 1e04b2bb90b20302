using Microsoft.ML.Runtime;
using Sleb.MLNet.Internals;
using Sleb.MLNet.Pruning;

namespace Sleb.MLNet.Experiments;

/// <summary>An experiment's events as lines of MLContext.Log, and as a monitor's calls.</summary>
internal sealed class ExperimentLog(Surroundings surroundings, PruneLog searches, ISlebMonitor? monitor) : IDisposable
{
    private readonly IChannel _channel = surroundings.StartChannel("SlebExperiment");

    public void Report(ExperimentEvent happened)
    {
        switch (happened)
        {
            case ExperimentEvent.Started started:
                Info($"{started.Trials} trials of a {started.Family} model of {started.Blocks} blocks, {started.Known} of them finished already. Timed are {started.Latency.Describe()}.");
                break;
            case ExperimentEvent.Running running:
                Info($"Running {ExperimentJob.Describe(running.Settings)}.");
                monitor?.ReportRunningTrial(running.Settings);
                break;
            case ExperimentEvent.Search search:
                searches.Report(search.Happened);
                break;
            case ExperimentEvent.Phase phase:
                _channel.Trace(MessageSensitivity.None, $"{char.ToUpperInvariant(phase.Name[0])}{phase.Name[1..]}.");
                break;
            case ExperimentEvent.Completed { Result: var result } completed:
                Info($"Trial {result.Settings.TrialId}: perplexity {result.Perplexity:F2} ({result.PerplexityRise:+0.0 %;-0.0 %}), {result.ModelBytes} bytes, {result.MillisecondsPerToken:F2} ms a token{(completed.IsBest ? "; the best so far" : "")}.");
                monitor?.ReportCompletedTrial(result);
                if (completed.IsBest) monitor?.ReportBestTrial(result);
                break;
            case ExperimentEvent.Failed failed:
                _channel.Warning(MessageSensitivity.None, $"Trial {failed.Trial.Settings.TrialId} failed. {failed.Trial.Reason}");
                monitor?.ReportFailTrial(failed.Trial.Settings, failed.Exception);
                break;
            case ExperimentEvent.Warning warning:
                _channel.Warning(MessageSensitivity.None, warning.Message);
                break;
        }
    }

    public void Dispose() => _channel.Dispose();

    private void Info(FormattableString message) => _channel.Info(MessageSensitivity.None, FormattableString.Invariant(message));
}
