using Sleb.Core.Search;
using Sleb.MLNet;

namespace Sleb.Tests.Experiments;

/// <summary>Which trials does a space hold, and does a protocol fit into a context?</summary>
public class SearchSpaceTests
{
    [Fact]
    public void By_default_a_quarter_of_the_blocks_in_three_precisions()
    {
        var trials = new SlebSearchSpace().Trials(12, 512, ["text"]);
        Assert.Equal(Enumerable.Range(1, 9), trials.Select(trial => trial.TrialId));
        Assert.Equal([1, 1, 1, 2, 2, 2, 3, 3, 3], trials.Select(trial => trial.RemoveBlocks));
        Assert.Equal(["fp32", "int8", "int4"], trials.Take(3).Select(trial => trial.Precision));
        Assert.All(trials, trial => Assert.Equal(("text", 8, 512, SearchMetric.Perplexity), (trial.Calibration, trial.Windows, trial.SequenceLength, trial.Metric)));
    }

    [Fact]
    public void Every_combination_is_a_trial_once_and_searches_stand_together()
    {
        var space = new SlebSearchSpace
        {
            RemoveBlocks = [3, 1, 3],
            Metrics = [SearchMetric.OneShot, SearchMetric.BlockInfluence],
            Windows = [4, 8],
            SequenceLengths = [64],
            Precisions = ["int4"],
        };
        var trials = space.Trials(12, 512, ["a", "b"]);
        Assert.Equal(2 * 2 * 2 * 2, trials.Count);
        Assert.Equal([1, 3], trials.Take(2).Select(trial => trial.RemoveBlocks)); // fewer blocks first: the search goes on from there
        Assert.Equal(8, trials.Select(trial => (trial.Calibration, trial.Windows, trial.Metric)).Distinct().Count());
        Assert.Equal(["a", "b"], trials.Select(trial => trial.Calibration).Distinct());
    }

    [Fact]
    public void What_is_out_of_range_is_named()
    {
        var space = new SlebSearchSpace { RemoveBlocks = [0], Metrics = [], Calibrations = ["c"], Windows = [0], SequenceLengths = [1], Precisions = ["int2"] };
        Assert.Equal(
            ["RemoveBlocks has 0;", "Windows has 0;", "SequenceLengths has 1;", "Precisions has 'int2';", "Calibrations has 'c',", "Metrics is empty;"],
            space.FindFaults(["a"]).Select(fault => fault[..(fault.IndexOfAny([';', ',']) + 1)]));
    }

    [Theory]
    [InlineData(4096, 2048, 64, 128)]
    [InlineData(1024, 1023, 64, 128)]
    [InlineData(96, 95, 32, 64)]
    [InlineData(2, 1, 1, 1)]
    public void The_papers_sizes_shrink_to_the_context(int context, int prompt, int start, int newTokens)
    {
        var fit = SlebLatencyProtocol.Paper.Within(context);
        Assert.Equal((prompt, start, newTokens, 64), (fit.PromptTokens, fit.GenerationPromptTokens, fit.NewTokens, fit.BatchSize));
    }
}
