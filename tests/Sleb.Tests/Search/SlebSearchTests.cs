using Sleb.Core.Search;

namespace Sleb.Tests.Search;

/// <summary>Is the search right? A fake scorer with a known table.</summary>
public class SlebSearchTests
{
    /// <summary>Importance per block; the loss is what the absent blocks were worth.</summary>
    private static TableScorer Additive(params double[] importance) =>
        new(importance.Length, windows: 4, (alive, window) => 2 + window + Enumerable.Range(0, importance.Length).Except(alive).Sum(block => importance[block]));

    [Fact]
    public void Removes_the_least_important_first_and_keeps_the_barriers()
    {
        var scorer = Additive(0, 0.5, 0.1, 0.4, 0.2, 0);
        Assert.Equal([2, 4, 3], new SlebSearch(scorer).Run(3).Select(removal => removal.Block));
        Assert.Equal([0, 5, 2], new SlebSearch(scorer, new() { EarlyBarrier = 0, LateBarrier = 0 }).Run(3).Select(removal => removal.Block));
        Assert.Equal([4, 3], new SlebSearch(scorer, new() { EarlyBarrier = 3 }).Run(2).Select(removal => removal.Block));
    }

    [Fact]
    public void A_round_looks_again_after_each_removal()
    {
        // 1 and 2 stand in for each other: each alone is free, both are not.
        var scorer = new TableScorer(5, 2, (alive, _) => 1 + (alive.Contains(1) ? 0 : 0.1) + (alive.Contains(2) ? 0 : 0.2) + (alive.Contains(1) || alive.Contains(2) ? 0 : 5) + (alive.Contains(3) ? 0 : 1));
        Assert.Equal([1, 3], new SlebSearch(scorer).Run(2).Select(removal => removal.Block));
    }

    [Fact]
    public void A_decision_reports_every_candidate_the_runner_up_and_the_paired_margin()
    {
        double[,] table = { { 1.0, 2.0, 3.0 }, { 1.1, 2.3, 3.2 } }; // block 1, block 2
        var scorer = new TableScorer(4, 3, (alive, window) => alive.Contains(1) ? alive.Contains(2) ? 0.5 : table[1, window] : table[0, window]);
        var removal = new SlebSearch(scorer).Run(1).Single();
        Assert.Equal((1, 2), (removal.Block, removal.RunnerUp));
        Assert.Equal(2.0, removal.MeanNll!.Value, 1e-12);
        Assert.Equal(0.2, removal.Margin!.Value, 1e-12);
        // Differences 0.1, 0.3, 0.2: standard deviation 0.1 over sqrt(3).
        Assert.Equal(0.1 / Math.Sqrt(3), removal.MarginStandardError!.Value, 1e-12);
        Assert.False(removal.IsNearTie);
        Assert.Equal([1, 2], removal.Candidates.Select(candidate => candidate.Block));
        Assert.Equal(2.2, removal.Candidates[1].MeanNll!.Value, 1e-12);
    }

    [Fact]
    public void A_margin_within_its_standard_error_is_a_near_tie()
    {
        var scorer = new TableScorer(4, 2, (alive, window) => alive.Contains(1) ? window == 0 ? 1.5 : 2.6 : window == 0 ? 1.0 : 3.0);
        var removal = new SlebSearch(scorer).Run(1).Single();
        Assert.True(removal.IsNearTie);
    }

    [Fact]
    public void An_exact_tie_keeps_the_lowest_index() =>
        Assert.Equal([1, 2], new SlebSearch(Additive(0, 0.1, 0.1, 0.1, 0)).Run(2).Select(removal => removal.Block));

    [Fact]
    public void A_loss_that_is_not_finite_never_wins_and_is_reported_as_none()
    {
        var removal = new SlebSearch(Additive(0, double.NaN, 0.3, double.PositiveInfinity, 0)).Run(1).Single();
        Assert.Equal((2, (int?)null, (double?)null), (removal.Block, removal.RunnerUp, removal.Margin));
        Assert.Equal([false, true, false], removal.Candidates.Select(candidate => candidate.MeanNll is not null));
        Assert.Equal(7 / 2.0 + 0.3, removal.MeanNll!.Value, 1e-12);
    }

    [Fact]
    public void No_finite_candidate_or_dense_loss_stops_the_search()
    {
        var round = Assert.Throws<InvalidOperationException>(() => new SlebSearch(Additive(0, double.NaN, double.NaN, 0)).Run(1).ToList());
        Assert.Contains("Every candidate of round 1", round.Message, StringComparison.Ordinal);
        var scorer = new TableScorer(4, 2, (_, _) => double.NaN);
        Assert.Contains("dense model", Assert.Throws<InvalidOperationException>(() => new SlebSearch(scorer).Run(1).ToList()).Message, StringComparison.Ordinal);
        Assert.All(scorer.Scored, scored => Assert.StartsWith("0,1,2,3 on", scored, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(5, 1, 1)]
    [InlineData(0, 1, 1)]
    [InlineData(6, 0, 0)]
    [InlineData(1, 3, 3)]
    public void More_than_the_barriers_leave_is_refused_before_any_work(int remove, int early, int late)
    {
        var scorer = Additive(0, 0.1, 0.2, 0.3, 0.4, 0);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new SlebSearch(scorer, new() { EarlyBarrier = early, LateBarrier = late }).Run(remove).ToList());
        Assert.Contains($"6 blocks, of which the first {early} and the last {late} stay", error.Message, StringComparison.Ordinal);
        Assert.Empty(scorer.Scored);
    }

    [Fact]
    public void Progress_counts_the_losses_of_each_round_and_ends_when_the_search_does()
    {
        var seen = new List<SearchProgress>();
        new SlebSearch(Additive(0, 0.1, 0.2, 0.3, 0)).Run(2, seen.Add).ToList();
        Assert.Equal(["1/2 1/12 1", "1/2 2/12 2", "1/2 3/12 3", "1/2 4/12 1"], seen.Take(4).Select(p => $"{p.Round}/{p.Rounds} {p.Scored}/{p.Losses} {p.Candidate.Block}"));
        Assert.Equal(12 + 8, seen.Count);
        Assert.Equal(seen.Select(p => p.Done).Order(), seen.Select(p => p.Done));
        Assert.Equal(1, seen[^1].Done);
    }
}
