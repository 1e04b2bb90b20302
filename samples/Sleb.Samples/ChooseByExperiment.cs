using System.Globalization;
using Microsoft.ML;
using Sleb.MLNet;

namespace Sleb.Samples;

/// <summary>How far can this model be pruned before its perplexity rises by seven percent? Tries, and keeps the smallest model that is still good enough.</summary>
internal static class ChooseByExperiment
{
    public static void Run(string modelFolder, string workFolder)
    {
        var ml = new MLContext(seed: 1);
        SlebExperiment experiment = ml.Sleb().CreateExperiment()
            .SetModel(modelFolder)
            .SetCalibration(ml.Data.LoadSlebText(Path.Combine(modelFolder, "calibration.txt")))
            .SetEvaluation(ml.Data.LoadSlebText(Path.Combine(modelFolder, "evaluation.txt")), windows: 4)
            .SetSearchSpace(space =>
            {
                space.RemoveBlocks = [1, 2, 3];      // one search finds all of them
                space.Precisions = ["fp32", "int8"];
                space.Windows = [4];                 // few and short windows, so that the sample takes seconds
                space.SequenceLengths = [128];
            })
            .SetLatency(new() { PromptTokens = 64, NewTokens = 16 })
            .SetBudget(new() { MaxPerplexityRise = 0.07 })
            .SetMonitor(new Printer());

        using SlebExperimentResult result = experiment.Run(); // RunAsync(token) stops with the best so far
        SlebTrialResult best = result.Best!;                  // null where no model keeps to the budget
        Console.WriteLine($"The smallest within the budget is without {string.Join(", ", best.RemovedBlocks)}, in {best.Settings.Precision}.");
        result.SaveModelFolder(Path.Combine(workFolder, "tiny-novels-chosen"), overwrite: true);
    }

    private sealed class Printer : ISlebMonitor
    {
        public void ReportRunningTrial(SlebTrialSettings settings)
        {
        }

        public void ReportCompletedTrial(SlebTrialResult result) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Trial {result.Settings.TrialId}: without {string.Join(", ", result.RemovedBlocks)} in {result.Settings.Precision}, perplexity {result.Perplexity:0.0}, {result.ModelBytes / 1e6:0.0} MB."));

        public void ReportBestTrial(SlebTrialResult result) => Console.WriteLine($"Trial {result.Settings.TrialId} is the best so far.");

        public void ReportFailTrial(SlebTrialSettings settings, Exception exception) => Console.WriteLine($"Trial {settings.TrialId} failed: {exception.Message}");
    }
}

// Expected output:
// Trial 1: without 5 in fp32, perplexity 43.5, 19.2 MB.
// Trial 1 is the best so far.
// Trial 2: without 5 in int8, perplexity 43.5, 5.6 MB.
// Trial 2 is the best so far.
// Trial 3: without 5, 4 in fp32, perplexity 44.6, 17.6 MB.
// Trial 4: without 5, 4 in int8, perplexity 44.6, 5.2 MB.
// Trial 4 is the best so far.
// Trial 5: without 5, 4, 3 in fp32, perplexity 46.5, 16.0 MB.
// Trial 6: without 5, 4, 3 in int8, perplexity 46.5, 4.7 MB.
// The smallest within the budget is without 5, 4, in int8.
