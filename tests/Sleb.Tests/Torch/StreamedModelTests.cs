using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;
using Sleb.Torch.Scoring;
using Sleb.Torch.Streaming;
using TorchSharp;

namespace Sleb.Tests.Torch;

/// <summary>Does a model read block by block say what the same model in memory says?</summary>
public class StreamedModelTests
{
    public static TheoryData<string> Names => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Losses_equal_those_in_memory_for_every_family(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        int[][] windows = [.. reference.Rows, reference.Rows[0][..7]]; // windows given as ids may be of any length
        Same(checkpoint, windows, reference.Survivors([]), states: 100);
        Same(checkpoint, windows, reference.Survivors(reference.RemovedSets.First(removed => removed.Length > 0)), states: 1);
    }

    [Fact]
    public void Losses_equal_those_in_memory_on_the_embedded_model()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        var windows = HuggingFaceTokenizer.Load(TestFiles.TinyNovels).Encode(File.ReadAllText(Path.Combine(TestFiles.TinyNovels, "calibration.txt")))
            .Chunk(256).Take(3).ToArray();
        Same(checkpoint, windows, [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11], states: 25); // two windows a group
    }

    [Fact]
    public void A_window_scores_the_same_in_any_group()
    {
        var reference = ConformanceFolder.Open("llama");
        using var checkpoint = reference.Checkpoint();
        using var model = StreamedModel.Open(checkpoint);
        var all = reference.Survivors([]);
        var wide = new WavefrontScorer(model, reference.Rows, states: 100).ScoreWithout(all, all, default).ToList();
        var narrow = new WavefrontScorer(model, reference.Rows, states: 3).ScoreWithout(all, all, default).ToList();
        Assert.Equal(wide.Select(losses => losses.WindowNll), narrow.Select(losses => losses.WindowNll)); // bit by bit
    }

    [Fact]
    public void Two_hundred_forwards_leave_the_live_tensors_as_they_were()
    {
        var reference = ConformanceFolder.Open("llama");
        long start = LiveTensors();
        using var checkpoint = reference.Checkpoint();
        var model = StreamedModel.Open(checkpoint);
        var scorer = new WavefrontScorer(model, reference.Rows, states: 4);
        int[] all = reference.Survivors([]);
        Pass();
        long before = LiveTensors();
        for (int i = 0; i < 20; i++) Pass(); // 10 forwards each
        Assert.Equal(before, LiveTensors());
        Assert.Equal(4, scorer.MostStates);
        model.Dispose();
        Assert.Equal(start, LiveTensors());

        void Pass()
        {
            _ = scorer.ScoreWithout(all, all, default).ToList();
            scorer.Score(all, default);
        }
    }

    private static void Same(Checkpoint checkpoint, int[][] windows, int[] alive, int states)
    {
        using var whole = TorchModel.Load(checkpoint);
        using var streamed = StreamedModel.Open(checkpoint);
        var (expected, found) = (new TorchBlockScorer(whole, windows), new WavefrontScorer(streamed, windows, states));
        Close(expected.Score(alive, default), found.Score(alive, default));
        foreach (int[] candidates in (int[][])[alive, alive[1..^1], [alive[0]], [alive[^1]]])
            foreach (var (a, b) in expected.ScoreWithout(alive, candidates, default).Zip(found.ScoreWithout(alive, candidates, default).ToList()))
            {
                Assert.Equal(a.Block, b.Block);
                Close(a.WindowNll, b.WindowNll);
            }
        Assert.InRange(found.MostStates, 1, states);
    }

    private static void Close(IReadOnlyList<double> expected, IReadOnlyList<double> found)
    {
        Assert.Equal(expected.Count, found.Count);
        foreach (var (a, b) in expected.Zip(found)) Assert.Equal(a, b, 1e-5);
    }

    private static long LiveTensors() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
