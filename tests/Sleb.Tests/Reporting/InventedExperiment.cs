using Sleb.Core.Search;
using Sleb.MLNet;
using Sleb.MLNet.Experiments;
using Sleb.MLNet.Reporting;

namespace Sleb.Tests.Reporting;

/// <summary>Four trials that never were, the third beaten by the fourth in all three figures.</summary>
internal static class InventedExperiment
{
    public static ReportTrials Make()
    {
        SlebTrialResult[] trials = [Trial(1, 1, "fp32", 3.0, 19.2, 1.0), Trial(2, 1, "int4", 3.05, 3.3, 0.6), Trial(3, 2, "fp32", 3.2, 17.6, 0.9), Trial(4, 2, "int4", 3.15, 3.0, 0.5)];
        return new("tiny", trials, TrialChoice.Front(trials));
    }

    private static SlebTrialResult Trial(int id, int removed, string precision, double loss, double megabytes, double milliseconds) => new()
    {
        Settings = new() { TrialId = id, RemoveBlocks = removed, Metric = SearchMetric.Perplexity, Calibration = "calibration", Windows = 8, SequenceLength = 512, Precision = precision },
        RemovedBlocks = [.. Enumerable.Range(3, removed)],
        MeanNll = loss,
        PerplexityRise = Math.Exp(loss - 2.9) - 1,
        ModelBytes = (long)(megabytes * 1e6),
        MillisecondsPerToken = milliseconds,
        PromptMilliseconds = 300,
        LatencySpread = 0.02,
        DurationInSeconds = 5,
    };
}
