using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.MLNet.Pruning;

namespace Sleb.MLNet.Reporting;

/// <summary>One search as a report shows it.</summary>
/// <param name="Name">What the reader calls it: the run folder's name.</param>
/// <param name="Plan">Its decisions.</param>
/// <param name="Curve">The dense model on the calibration text, and what is left after each removal as far as the metric measured it.</param>
/// <param name="Evaluation">Names, and figures of the evaluation text; null where they are not beside the plan.</param>
internal sealed record ReportRun(string Name, BlockPlan Plan, IReadOnlyList<ReportRun.Point> Curve, RunEvaluation? Evaluation)
{
    /// <summary>The dense model on the evaluation text, and what is left after each removal, null where that was not asked for; empty where there is none.</summary>
    public IReadOnlyList<NllSummary?> Measured => Evaluation?.Measured ?? [];

    /// <summary>The same as points.</summary>
    public IReadOnlyList<Point> EvaluationCurve { get; } = Evaluation?.Measured is [{ } dense, ..] measured && double.IsFinite(dense.MeanNll)
        ? [.. measured.Index().Where(each => each.Item is { } one && double.IsFinite(one.MeanNll)).Select(each => new Point(each.Index, each.Item!.MeanNll, each.Index == 0 ? null : Rise(dense, each.Item)))]
        : [];

    /// <summary>Every point behind the dense one has its error.</summary>
    public static bool HasBand(IReadOnlyList<Point> curve) => curve.Count > 1 && curve.Skip(1).All(point => point.StandardError is not null);

    /// <summary>The loss on a text with so many blocks removed.</summary>
    /// <param name="MeanNll">Nats per token.</param>
    /// <param name="StandardError">Of the rise over the dense model, paired over the windows; null where the windows' losses are not there.</param>
    internal sealed record Point(int Removed, double MeanNll, double? StandardError)
    {
        public double Perplexity => Math.Exp(MeanNll);

        /// <summary>95 % interval of the perplexity, the dense model's taken as given.</summary>
        public Interval Band => new(Math.Exp(MeanNll - 1.96 * (StandardError ?? 0)), Math.Exp(MeanNll + 1.96 * (StandardError ?? 0)));
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
        var memory = RunTrace.Look(folder, plan.Search);
        var curve = new List<Point> { new(0, plan.DenseMeanNll, null) };
        for (int round = 1; round <= plan.Removals.Count; round++)
            if (plan.Removals[round - 1] is { MeanNll: { } loss, Block: var block }) curve.Add(new(round, loss, Rise(memory, plan.Search.Windows, round, block)));
        return new(Path.GetFileName(folder), plan, curve, RunEvaluation.Read(folder, plan));
    }

    private static double? Rise(NllSummary dense, NllSummary pruned) => PairedDifference.Of([.. dense.WindowNll.Zip(pruned.WindowNll, (before, after) => after - before)]).StandardError;

    private static double? Rise(SearchMemory memory, int windows, int round, int block)
    {
        var pairs = Enumerable.Range(0, windows)
            .Select(window => memory.Find(round, block, window, Arithmetic.Fp32)?.Nll - memory.Find(0, IBlockScorer.NoBlock, window, Arithmetic.Fp32)?.Nll).ToList();
        return pairs.Contains(null) ? null : PairedDifference.Of([.. pairs.Select(pair => pair!.Value)]).StandardError;
    }
}
