using Sleb.Core.Search;

namespace Sleb.Tests.Search;

/// <summary>Does float32 decide, whatever the cheap arithmetic says?</summary>
public class ScreeningTests
{
    private static readonly SearchSettings Bf16 = new() { Arithmetic = Arithmetic.Bf16 };

    private static int Missing(IReadOnlyList<int> alive, int blocks) => Enumerable.Range(0, blocks).Except(alive).Last();

    [Fact]
    public void The_best_and_all_within_the_noise_are_scored_again_and_the_others_are_marked()
    {
        // Without block 1, 2, 3, 4: losses of 2.000, 2.001, 2.1 and 2.5; bfloat16 is off by 0.002 in such a way that 2 looks best.
        double[] losses = [0, 2.000, 2.001, 2.1, 2.5, 0];
        double Loss(IReadOnlyList<int> alive, int window) => alive.Count == 6 ? 1 : losses[Missing(alive, 6)] + window;
        var scorer = new TableScorer(6, 8, Loss, (alive, _) => Missing(alive, 6) == 1 ? 0.002 : -0.002);
        var removal = new SlebSearch(scorer, Bf16).Run(1).Single();
        Assert.Equal((1, 2), (removal.Block, removal.RunnerUp));
        Assert.Equal(2 + 3.5, removal.MeanNll!.Value, 1e-12);
        Assert.Equal([false, false, true, true], removal.Candidates.Select(candidate => candidate.Screened));
        Assert.Equal(2.1 + 3.5 - 0.002, removal.Candidates[2].MeanNll!.Value, 1e-12);
        Assert.Equal(0.001, removal.Margin!.Value, 1e-12);
        Assert.Equal(2 * 8, scorer.Scored.Count(scored => !scored.EndsWith("bf16", StringComparison.Ordinal) && scored.Count(c => c == ',') == 4));
    }

    [Fact]
    public void A_rival_is_scored_again_only_until_it_is_out_of_the_noise()
    {
        // Block 2 is the best by 0.01, bfloat16 is off by 0.001 up and down: twelve differences, eight of 2 and four of 3, say so.
        double[] losses = [0, 2.5, 2.00, 2.01, 2.5, 0];
        double Loss(IReadOnlyList<int> alive, int window) => alive.Count == 6 ? 1 : losses[Missing(alive, 6)] + window;
        var scorer = new TableScorer(6, 8, Loss, (_, window) => window % 2 == 0 ? 0.001 : -0.001);
        var removal = new SlebSearch(scorer, Bf16).Run(1).Single();
        Assert.Equal((2, 3), (removal.Block, removal.RunnerUp));
        Assert.Equal([true, false, true, true], removal.Candidates.Select(candidate => candidate.Screened));
        Assert.Equal(4, scorer.Scored.Count(scored => scored.StartsWith("0,1,2,4,5 on", StringComparison.Ordinal) && !scored.EndsWith("bf16", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_first_candidate_without_any_noise_says_nothing_about_the_next()
    {
        // As with a block near the end, which has little behind it that could be rounded: without 1 nothing is off, without 2 0.01.
        double[] losses = [0, 2.0005, 2.000, 2.5, 2.5, 0];
        double Loss(IReadOnlyList<int> alive, int window) => alive.Count == 6 ? 1 : losses[Missing(alive, 6)];
        var scorer = new TableScorer(6, 8, Loss, (alive, _) => Missing(alive, 6) == 2 ? 0.01 : 0);
        Assert.Equal(2, new SlebSearch(scorer, Bf16).Run(1).Single().Block);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_losses_with_noise_below_a_third_of_what_was_seen_give_the_decisions_of_float32(int seed)
    {
        double Loss(IReadOnlyList<int> alive, int window) => 3 + window + new Random(HashCode.Combine(seed, string.Join(',', alive), window)).NextDouble() * 0.02;
        double Error(IReadOnlyList<int> alive, int window) => (new Random(HashCode.Combine(seed + 1, string.Join(',', alive), window)).NextDouble() - 0.5) * 0.004;
        var exact = new SlebSearch(new TableScorer(12, 8, Loss)).Run(6).ToList();
        var screened = new SlebSearch(new TableScorer(12, 8, Loss, Error), Bf16).Run(6).ToList();
        Assert.Equal(exact.Select(removal => (removal.Block, removal.MeanNll)), screened.Select(removal => (removal.Block, removal.MeanNll)));
        Assert.Contains(screened, removal => removal.Candidates.Any(candidate => candidate.Screened));
    }

    [Fact]
    public void What_only_the_cheap_arithmetic_cannot_represent_may_still_win()
    {
        var scorer = new TableScorer(4, 2, (alive, _) => alive.Count == 4 ? 1 : Missing(alive, 4), (_, _) => double.NaN);
        Assert.Equal(1, new SlebSearch(scorer, Bf16).Run(1).Single().Block);
    }
}
