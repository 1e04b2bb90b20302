using Sleb.Core.Calibration;
using Sleb.Core.Evaluation;
using Sleb.Core.Hub;
using Sleb.Core.Plan;
using Sleb.MLNet.Reporting;

namespace Sleb.MLNet.Pruning;

/// <summary>The perplexities of a job: dense, pruned, and where it was asked for after each removal.</summary>
internal static class EvaluationRun
{
    /// <param name="windowNll">The mean loss of each window with only the given blocks in place.</param>
    public static PruneResult Run(
        PruneRequest request, BlockPlan plan, PruneText text, PruneFolders folders, Func<IReadOnlyList<int>, IReadOnlyList<double>> windowNll, Action<PruneEvent> tell)
    {
        int removals = plan.Removals.Count;
        tell(new PruneEvent.Phase("evaluating the dense model"));
        var dense = Measure(0);
        tell(new PruneEvent.Phase("evaluating the pruned model"));
        NllSummary?[] after = [.. Enumerable.Range(1, removals).Select(removed => removed == removals || (request.EvaluateEach && text.IsHeldOut) ? Measure(removed) : null)];
        var evaluation = new RunEvaluation
        {
            Model = ModelSource.IdOf(request.ModelFolder),
            Calibration = CommandText.FileName(request.Calibration.Name),
            Text = CommandText.FileName(text.EvaluationName),
            ModelFingerprint = plan.Search.ModelFingerprint,
            TextFingerprint = TokenWindows.Fingerprint(text.Evaluation),
            RemovedBlocks = plan.RemovedBlocks,
            Measured = text.IsHeldOut ? [dense, .. after] : [],
        };
        evaluation.Save(folders.Run);
        return new() { Plan = plan, PlanPath = folders.Plan, EvaluationText = text.EvaluationName, Measured = request.EvaluateEach ? evaluation.Measured : [], Dense = dense, Pruned = after[^1]! };

        NllSummary Measure(int removed) =>
            NllSummary.Of(text.Evaluation, windowNll(Survivors.After(plan.Search.Blocks, [.. plan.RemovedBlocks.Take(removed)])));
    }
}
