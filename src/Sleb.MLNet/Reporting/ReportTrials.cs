using Sleb.Core.Plan;
using Sleb.MLNet.Experiments;

namespace Sleb.MLNet.Reporting;

/// <summary>One experiment as a report shows it.</summary>
/// <param name="Name">The name of its folder.</param>
/// <param name="Trials">Those that finished, with a finite loss.</param>
/// <param name="Front">Those of them that no other beats in perplexity, size and latency together.</param>
internal sealed record ReportTrials(string Name, IReadOnlyList<SlebTrialResult> Trials, IReadOnlyList<SlebTrialResult> Front)
{
    public static bool IsExperiment(string path) => File.Exists(Path.Combine(path, TrialLog.FileName));

    /// <param name="folder">The checkpoint folder of an experiment.</param>
    /// <returns>The experiment, and the run folders of its searches.</returns>
    public static (ReportTrials Trials, IReadOnlyList<string> Runs) Read(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        SlebTrialResult[] trials = [.. TrialLog.Read(folder).Where(trial => double.IsFinite(trial.MeanNll))];
        string searches = Path.Combine(folder, TrialRunner.SearchesFolder);
        string[] runs = Directory.Exists(searches) ? Directory.GetDirectories(searches) : [];
        return (new(Path.GetFileName(folder), trials, TrialChoice.Front(trials)),
            [.. runs.Where(run => File.Exists(Path.Combine(run, BlockPlan.FileName))).Order(StringComparer.Ordinal)]);
    }
}
