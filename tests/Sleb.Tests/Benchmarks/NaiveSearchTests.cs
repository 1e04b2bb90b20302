using Sleb.Benchmarks.Naive;
using Sleb.Core.Checkpoints;
using Sleb.Torch.Natives;

namespace Sleb.Tests.Benchmarks;

/// <summary>Is what an interrupted loop has left counted right?</summary>
public sealed class NaiveSearchTests : IDisposable
{
    private static readonly int[][] Windows = [[1, 2, 3, 4], [5, 6, 7, 8]];
    private readonly Checkpoint _checkpoint;
    private readonly NaiveLlama _model;

    public NaiveSearchTests()
    {
        LibTorch.EnsureLoaded();
        _checkpoint = ConformanceFolder.Open("llama").Checkpoint();
        _model = new NaiveLlama(_checkpoint);
    }

    [Fact]
    public void A_whole_search_has_no_seconds_left()
    {
        var search = new NaiveSearch(_model, Windows);
        Assert.Equal(2, search.Run(2, overBudget: () => false).Count);
        Assert.Equal(0, search.SecondsLeft(2));
    }

    [Fact]
    public void A_stopped_one_has_those_of_the_passes_it_did_not_make()
    {
        var search = new NaiveSearch(_model, Windows);
        int passes = 0;
        int first = _model.BlockCount - 2; // candidates of round 1
        var decisions = search.Run(2, overBudget: () => ++passes == first * Windows.Length + 1);
        Assert.Single(decisions);
        Assert.True(search.SecondsLeft(2) > 0);
    }

    public void Dispose()
    {
        _model.Dispose();
        _checkpoint.Dispose();
    }
}
