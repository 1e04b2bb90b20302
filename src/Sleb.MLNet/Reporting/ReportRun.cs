using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.Core.Search;

namespace Sleb.MLNet.Reporting;

/// <summary>One search as a report shows it.</summary>
/// <param name="Name">What the reader calls it: the run folder's name.</param>
/// <param name="Plan">Its decisions.</param>
/// <param name="Curve">The loss after 0, 1, 2, … removals.</param>
internal sealed record ReportRun(string Name, BlockPlan Plan, IReadOnlyList<ReportRun.Point> Curve)
{
    /// <summary>Perplexity on the calibration text with so many blocks removed.</summary>
    /// <param name="MeanNll">Nats per token.</param>
    /// <param name="StandardError">Of the rise over the dense model, paired over the windows; null where the windows' losses are not there.</param>
    internal sealed record Point(double MeanNll, double? StandardError)
    {
        public double Perplexity => Math.Exp(MeanNll);

        /// <summary>95 % interval of the perplexity, the dense model's taken as given.</summary>
        public Interval? Band => StandardError is { } error ? new(Math.Exp(MeanNll - 1.96 * error), Math.Exp(MeanNll + 1.96 * error)) : null;
    }

    /// <param name="path">A run folder, or a plan file, which has no windows' losses beside it unless it lies in its run folder.</param>
    /// <exception cref="CheckpointException">There is no plan, or it is damaged.</exception>
    public static ReportRun Read(string path)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string file = Directory.Exists(path) ? Path.Combine(path, BlockPlan.FileName) : path;
        var plan = BlockPlan.Load(file);
        if (!plan.Survivors.SequenceEqual(Survivors.After(plan.Search.Blocks, plan.RemovedBlocks)))
            throw new CheckpointException($"{file} is damaged: its survivors are not the blocks that its removals leave. Run the search again.");
        string folder = Path.GetDirectoryName(file)!;
        var losses = RunTrace.Look(folder, plan.Search);
        var dense = losses(0, ISearchTrace.Dense);
        var curve = plan.Removals.Select((removal, i) => new Point(removal.MeanNll, Rise(dense, losses(i + 1, removal.Block))));
        return new(Path.GetFileName(folder), plan, [new(plan.DenseMeanNll, null), .. curve]);
    }

    private static double? Rise(CandidateLosses? dense, CandidateLosses? pruned) =>
        dense is null || pruned is null ? null : PairedDifference.StandardError(dense.WindowNll, pruned.WindowNll);
}
