using Sleb.Core.Search;

namespace Sleb.Tests.Search;

/// <summary>Does racing save work without changing clear decisions, and does it say whom it ruled out?</summary>
public class RaceTests
{
    private static readonly SearchSettings Racing = new() { Effort = SearchEffort.Racing };

    private static TableScorer Scorer(Arithmetic arithmetic = Arithmetic.Fp32, int windowsPerPass = 1) => new(10, 8, Loss,
        arithmetic == Arithmetic.Fp32 ? null : (_, _) => 0.0001, windowsPerPass, spread: 0.05);

    /// <summary>A block is worth a tenth of its number, give or take what a window makes of it.</summary>
    private static double Loss(IReadOnlyList<int> alive, int window) =>
        2 + window % 3 + Enumerable.Range(0, 10).Except(alive).Sum(block => 0.1 * block + 0.03 * Math.Sin(block * 7 + window * 5));

    [Theory]
    [InlineData(Arithmetic.Fp32, 1)]
    [InlineData(Arithmetic.Bf16, 1)]
    [InlineData(Arithmetic.Fp32, 3)]
    public void Clear_decisions_are_those_of_the_whole_text_for_less_work(Arithmetic arithmetic, int windowsPerPass)
    {
        var exhaustive = Scorer();
        var expected = new SlebSearch(exhaustive).Run(4).ToList();
        var racing = Scorer(arithmetic, windowsPerPass);
        var found = new SlebSearch(racing, Racing with { Arithmetic = arithmetic }).Run(4).ToList();
        Assert.Equal(expected.Select(removal => removal.Block), found.Select(removal => removal.Block));
        foreach (var (one, other) in expected.Zip(found)) Assert.Equal(one.MeanNll!.Value, other.MeanNll!.Value, 1e-12);
        Assert.InRange(racing.Scored.Count, 1, exhaustive.Scored.Count * 2 / 3);
    }

    [Fact]
    public void Who_was_ruled_out_carries_the_mean_so_far_and_the_margin_is_over_what_both_have_seen()
    {
        var removal = new SlebSearch(Scorer(), Racing).Run(1).Single();
        Assert.Equal(1, removal.Block);
        Assert.False(removal.Candidates[0].RuledOut);
        var last = removal.Candidates[^1]; // block 8
        Assert.True(last.RuledOut);
        int[] left = [0, 1, 2, 3, 4, 5, 6, 7, 9], best = [0, 2, 3, 4, 5, 6, 7, 8, 9];
        Assert.Contains(Enumerable.Range(1, 7), windows => Math.Abs(Enumerable.Range(0, windows).Average(window => Loss(left, window)) - last.MeanNll!.Value) < 1e-12);
        int[] runnerUp = [.. Enumerable.Range(0, 10).Except([removal.RunnerUp!.Value])];
        Assert.Contains(Enumerable.Range(1, 8), windows => Math.Abs(Enumerable.Range(0, windows).Average(window => Loss(runnerUp, window) - Loss(best, window)) - removal.Margin!.Value) < 1e-12);
    }

    [Fact]
    public void Candidates_that_cannot_be_told_apart_all_see_the_whole_text()
    {
        var scorer = new TableScorer(5, 4, (alive, window) => 2 + (alive.Contains(1) ? Math.Sin(window) : alive.Contains(2) ? Math.Cos(window) : 0) * 0.1, spread: 0.3);
        Assert.All(new SlebSearch(scorer, Racing).Run(1).Single().Candidates, candidate => Assert.False(candidate.RuledOut));
    }

    [Fact]
    public void Windows_that_a_trace_of_an_earlier_version_cut_otherwise_are_compared_whole()
    {
        CandidateLosses[] losses = [Cut(0, 2), Cut(1, 2), Cut(1, 3)];
        Assert.Equal(4, PairedDifference.OfSegments(losses[0], losses[1]).Pairs);
        Assert.Equal(PairedDifference.OfWindows(losses[0], losses[2]), PairedDifference.OfSegments(losses[0], losses[2]));

        static CandidateLosses Cut(int block, int segments) =>
            new(block, [.. Enumerable.Range(0, 2).Select(window => new WindowLoss(block, window, 2 + block * window, [.. Enumerable.Repeat(2.0 + block * window, segments)]))]);
    }

    [Fact]
    public void Other_metrics_rank_by_what_they_measure()
    {
        double[] worth = [0, 0.5, 0.1, 0.4, 0.2, 0];
        double Additive(IReadOnlyList<int> alive, int window) => 2 + window + Enumerable.Range(0, 6).Except(alive).Sum(block => worth[block]) * (6 - alive.Count);
        var scorer = new TableScorer(6, 2, Additive);
        var oneShot = new SlebSearch(scorer, new() { Metric = SearchMetric.OneShot }).Run(3).ToList();
        Assert.Equal([2, 4, 3], oneShot.Select(removal => removal.Block));
        Assert.Equal([true, false, false], oneShot.Select(removal => removal.MeanNll is not null)); // only the first is the loss of what is left
        Assert.Equal(2.5 + 0.4, oneShot[2].Candidates.Single(candidate => candidate.Block == 3).Score!.Value, 1e-12);
        Assert.Equal(2 * (1 + 4), scorer.Scored.Count); // the dense model and four candidates, once

        var influence = new SlebSearch(scorer, new() { Metric = SearchMetric.BlockInfluence }).Run(2).ToList();
        Assert.Equal([4, 3], influence.Select(removal => removal.Block)); // 1 / (1 + block)
        Assert.Null(influence[0].MeanNll);
        Assert.All(influence[0].Candidates, candidate => Assert.Null(candidate.MeanNll));
        Assert.Equal(1 / 4.0 - 1 / 5.0, influence[0].Margin!.Value, 1e-12);
    }
}
