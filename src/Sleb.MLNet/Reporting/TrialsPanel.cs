using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>An experiment's trials, set against each other.</summary>
internal static class TrialsPanel
{
    public static IEnumerable<XElement> Write(ReportTrials experiment) =>
    [
        .. ParetoChart.Write([.. experiment.Trials.Select(trial => new ParetoChart.Point(
            Describe(trial), trial.Settings.Precision, trial.Perplexity, trial.ModelBytes, trial.MillisecondsPerToken, experiment.Front.Contains(trial)))], "trials"),
        Scrolling($"Trials of {experiment.Name}", Table("Trials: perplexity on the evaluation text through ONNX Runtime GenAI",
            ["Trial", "Removed", "Precision", "Perplexity", "Rise", "Size", "ms a token", "Spread", "Note"], experiment.Trials.OrderBy(trial => trial.MeanNll).Select(trial => (string[])[
                Figures.Count(trial.Settings.TrialId), Figures.List(trial.RemovedBlocks), trial.Settings.Precision, Figures.Perplexity(trial.Perplexity), ParetoChart.Percent(trial.PerplexityRise),
                ParetoChart.Megabytes(trial.ModelBytes), ParetoChart.Milliseconds(trial.MillisecondsPerToken), ParetoChart.Percent(trial.LatencySpread), experiment.Front.Contains(trial) ? "unbeaten" : ""]))),
    ];

    private static string Describe(SlebTrialResult trial) =>
        $"trial {trial.Settings.TrialId}, {trial.RemovedBlocks.Count} {(trial.RemovedBlocks.Count == 1 ? "block" : "blocks")} removed, {trial.Settings.Precision}";
}
