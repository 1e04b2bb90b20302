using System.Globalization;
using Sleb.MLNet;
using Sleb.MLNet.Reporting;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Trials as rows, in the order given.</summary>
internal static class ExperimentTable
{
    public static Table Of(IReadOnlyList<SlebTrialResult> trials, double? densePerplexity)
    {
        // What all have in common would only make the table wide.
        bool metric = trials.DistinctBy(trial => trial.Settings.Metric).Count() > 1, calibration = trials.DistinctBy(trial => Calibration(trial.Settings)).Count() > 1;
        var table = new Table().NoBorder();
        foreach (string heading in (string[])["Trial", "Removed"]) table.AddColumn(heading, column => column.RightAligned());
        foreach (string heading in (string[])[.. metric ? ["Metric"] : Array.Empty<string>(), .. calibration ? ["Calibration"] : Array.Empty<string>(), "Precision"]) table.AddColumn(heading);
        foreach (string heading in (string[])["Perplexity", "Rise", "Size", "ms/token", "Prompt ms"]) table.AddColumn(heading, column => column.RightAligned());
        if (densePerplexity is { } dense) table.AddRow([.. Row("dense", "none", "", "", "fp32", Numbers.Perplexity(dense))]);
        foreach (var trial in trials)
            table.AddRow([.. Row(
                Numbers.Count(trial.Settings.TrialId), Numbers.List(trial.RemovedBlocks), Figures.Name(trial.Settings.Metric), Calibration(trial.Settings), trial.Settings.Precision,
                Numbers.Perplexity(trial.Perplexity), Rise(trial), Numbers.Bytes(trial.ModelBytes), Text(trial.MillisecondsPerToken), Text(trial.PromptMilliseconds)).Select(Markup.Escape)]);
        return table;

        IEnumerable<string> Row(params string[] cells) => cells.Where((_, column) => column switch { 2 => metric, 3 => calibration, _ => true });
    }

    /// <summary>A finished trial in a line.</summary>
    public static string Line(SlebTrialResult trial) =>
        $"{Settings(trial.Settings)}: perplexity {Numbers.Perplexity(trial.Perplexity)} ({Rise(trial)}), {Numbers.Bytes(trial.ModelBytes)}, {Text(trial.MillisecondsPerToken)} ms a token";

    public static string Settings(SlebTrialSettings settings) =>
        $"{Blocks(settings.RemoveBlocks)} by {Figures.Name(settings.Metric)}, {Calibration(settings)}, {settings.Precision}";

    public static string Blocks(int count) => count == 1 ? "1 block" : $"{count} blocks";

    private static string Calibration(SlebTrialSettings settings) => $"{settings.Windows} x {settings.SequenceLength} of {settings.Calibration}";

    private static string Rise(SlebTrialResult trial) => Numbers.Change(1, 1 + trial.PerplexityRise);

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
