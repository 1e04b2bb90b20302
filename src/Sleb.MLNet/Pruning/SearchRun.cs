using Sleb.Core.Plan;
using Sleb.Core.Search;

namespace Sleb.MLNet.Pruning;

/// <summary>The search of a job, from its run folder's memory to the plan in it.</summary>
internal static class SearchRun
{
    public static BlockPlan Run(IBlockScorer scorer, SearchIdentity identity, PruneFolders folders, int removeBlocks, Action<PruneEvent> tell, CancellationToken cancellationToken)
    {
        using var trace = RunTrace.Open(folders.Run, identity);
        tell(new PruneEvent.Started(identity, removeBlocks, folders.Run, trace.Resumed));
        var search = new SlebSearch(scorer, Settings(identity), trace);
        var removals = new List<Removal>();
        foreach (var removal in search.Run(removeBlocks, progress => tell(new PruneEvent.Scored(progress)), cancellationToken))
        {
            removals.Add(removal);
            tell(new PruneEvent.Decided(removals.Count, removeBlocks, removal));
            if (removal.IsNearTie)
                tell(new PruneEvent.Warning(FormattableString.Invariant(
                    $"Round {removals.Count} is a near-tie: block {removal.Block} beats block {removal.RunnerUp} by {removal.Margin:F4} nats, within the standard error of {removal.MarginStandardError:F4}; other calibration text may choose otherwise.")));
        }
        var plan = new BlockPlan
        {
            Search = identity,
            DenseMeanNll = search.DenseLoss(cancellationToken).MeanNll,
            BlockInfluence = search.MeasureBlocks(cancellationToken).Influence,
            Removals = removals,
            Survivors = Survivors.After(identity.Blocks, [.. removals.Select(removal => removal.Block)]),
        };
        plan.Save(folders.Plan);
        return plan;
    }

    private static SearchSettings Settings(SearchIdentity identity) => new()
    {
        EarlyBarrier = identity.EarlyBarrier,
        LateBarrier = identity.LateBarrier,
        Metric = identity.Metric,
        Effort = identity.Effort,
        Arithmetic = identity.Arithmetic,
    };
}
