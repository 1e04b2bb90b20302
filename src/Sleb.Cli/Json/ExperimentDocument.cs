using Sleb.Core.Search;
using Sleb.MLNet;
using Sleb.MLNet.Experiments;
using Sleb.MLNet.Reporting;

namespace Sleb.Cli.Json;

/// <summary>The outcome of <c>sleb experiment</c>.</summary>
/// <param name="Complete">False where the time ended it.</param>
/// <param name="Dense">The dense checkpoint in fp32 on the evaluation text.</param>
/// <param name="ParetoFront">Numbers of the trials that no other one beats in perplexity, size and time at once.</param>
/// <param name="Folder">The chosen model.</param>
/// <param name="Session">The session file, and beside it the generated code.</param>
internal sealed record ExperimentDocument(
    bool Complete, MeasuredDocument? Dense, string Objective, SlebBudget Budget, IReadOnlyList<ExperimentDocument.Trial> Trials,
    IReadOnlyList<ExperimentDocument.FailedTrial> FailedTrials, IReadOnlyList<int> ParetoFront, ExperimentDocument.Trial Best,
    string Folder, string Session, IReadOnlyList<string> Code)
{
    public static ExperimentDocument Of(ExperimentOutcome outcome, string folder, string session, IReadOnlyList<string> code) => new(
        outcome.Whole, MeasuredDocument.Of(outcome.Dense), Figures.Name(outcome.Choice.Objective), outcome.Choice.Budget, [.. outcome.Trials.Select(Trial.Of)],
        [.. outcome.Failed.Select(failed => new FailedTrial(Setting.Of(failed.Settings), failed.Reason))],
        [.. TrialChoice.Front(outcome.Trials).Select(trial => trial.Settings.TrialId)], Trial.Of(outcome.Best!), folder, session, code);

    /// <summary>What was tried.</summary>
    internal sealed record Setting(int Trial, int RemoveBlocks, SearchMetric Metric, string Calibration, int Windows, int SequenceLength, string Precision)
    {
        public static Setting Of(SlebTrialSettings settings) => new(
            settings.TrialId, settings.RemoveBlocks, settings.Metric, settings.Calibration, settings.Windows, settings.SequenceLength, settings.Precision);
    }

    internal sealed record Trial(
        Setting Settings, IReadOnlyList<int> RemovedBlocks, double MeanNll, double? StandardError, double Perplexity, double PerplexityRise, long Bytes,
        double MillisecondsPerToken, double PromptMilliseconds, double Spread, double Seconds)
    {
        public static Trial Of(SlebTrialResult trial) => new(
            Setting.Of(trial.Settings), trial.RemovedBlocks, trial.MeanNll, trial.StandardError, trial.Perplexity, trial.PerplexityRise, trial.ModelBytes,
            trial.MillisecondsPerToken, trial.PromptMilliseconds, trial.LatencySpread, trial.DurationInSeconds);
    }

    internal sealed record FailedTrial(Setting Settings, string Reason);
}
