using Sleb.Core.Search;

namespace Sleb.MLNet;

/// <summary>Follows an experiment, on the thread that works.</summary>
public interface ISlebMonitor
{
    /// <summary>A trial starts.</summary>
    void ReportRunningTrial(SlebTrialSettings settings);

    /// <summary>The search of the running trial scored a candidate on a window.</summary>
    void ReportSearchProgress(SearchProgress progress)
    {
    }

    /// <summary>A trial was finished, or was found finished in the checkpoint folder.</summary>
    void ReportCompletedTrial(SlebTrialResult result);

    /// <summary>A finished trial is better than all before it, and keeps to the budget.</summary>
    void ReportBestTrial(SlebTrialResult result);

    /// <summary>A trial failed; the experiment goes on.</summary>
    void ReportFailTrial(SlebTrialSettings settings, Exception exception);
}
