using Sleb.Core.Search;
using Sleb.MLNet;
using Sleb.MLNet.Experiments;

namespace Sleb.Tests.Experiments;

/// <summary>Is the best the best? On invented trials, whose order is plain to see.</summary>
public class TrialChoiceTests
{
    private static readonly SlebTrialResult[] Trials =
    [
        Trial(1, rise: 0.01, bytes: 1000, time: 10),
        Trial(2, rise: 0.03, bytes: 400, time: 6),
        Trial(3, rise: 0.08, bytes: 500, time: 5),
        Trial(4, rise: 0.09, bytes: 300, time: 8),
        Trial(5, rise: 0.20, bytes: 250, time: 4),
        Trial(6, rise: 0.21, bytes: 600, time: 9), // beaten in everything
        Trial(7, rise: double.NaN, bytes: 1, time: 1), // a ruined model wins nothing
    ];

    internal static SlebTrialResult Trial(int id, double rise, long bytes, double time) => new()
    {
        Settings = new() { TrialId = id, RemoveBlocks = id, Metric = SearchMetric.Perplexity, Calibration = "calibration", Windows = 8, SequenceLength = 512, Precision = "fp32" },
        RemovedBlocks = [.. Enumerable.Range(1, id)],
        MeanNll = 3 + Math.Log(1 + rise),
        StandardError = 0.1,
        PerplexityRise = rise,
        ModelBytes = bytes,
        MillisecondsPerToken = time,
        PromptMilliseconds = 100,
        LatencySpread = 0.01,
        DurationInSeconds = 1,
    };

    [Theory]
    [InlineData(null, 4)] // nothing said: ten percent, and then the smallest
    [InlineData(SlebObjective.LowestPerplexity, 1)]
    [InlineData(SlebObjective.SmallestModel, 4)]
    [InlineData(SlebObjective.FastestModel, 3)]
    public void Without_a_budget_ten_percent_are_allowed(SlebObjective? objective, int best) => Assert.Equal(best, Best(objective, new()));

    [Fact]
    public void A_bound_of_size_or_time_leaves_the_lowest_perplexity()
    {
        Assert.Equal(2, Best(null, new() { MaxModelBytes = 450 }));
        Assert.Equal(5, Best(null, new() { MaxModelBytes = 299 }));
        Assert.Equal(3, Best(null, new() { MaxMillisecondsPerToken = 5 }));
        Assert.Equal(4, Best(SlebObjective.SmallestModel, new() { MaxMillisecondsPerToken = 8, MaxPerplexityRise = 0.15 }));
        Assert.Equal(5, Best(null, new() { MaxPerplexityRise = 0.5 }));
        Assert.Null(Best(null, new() { MaxPerplexityRise = 0.05, MaxModelBytes = 300 }));
    }

    [Fact]
    public void The_front_holds_what_nothing_beats_and_its_best_lies_nearest_to_the_corner()
    {
        Assert.Equal([5, 4, 2, 3, 1], TrialChoice.Front(Trials).Select(trial => trial.Settings.TrialId));
        // Of 2: 2/19 of the rise (in nats 0.11), 1/5 of the size and 1/3 of the time; no other one is as near.
        Assert.Equal(2, Best(SlebObjective.ParetoFront, new()));
        Assert.Equal(3, Best(SlebObjective.ParetoFront, new() { MaxMillisecondsPerToken = 5, MaxPerplexityRise = 0.1 }));
        // Trials that came to the same folder are one point.
        Assert.Equal(5, TrialChoice.Front([.. Trials, Trials[1] with { Settings = Trials[1].Settings with { TrialId = 8 } }]).Count);
    }

    private static int? Best(SlebObjective? objective, SlebBudget budget) => TrialChoice.Of(objective, budget).Rank(Trials).FirstOrDefault()?.Settings.TrialId;
}
