using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
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
        using var model = new StreamedModel(checkpoint);
        var all = reference.Survivors([]);
        var wide = Score(new WavefrontScorer(model, reference.Rows, states: 100), all, all);
        var narrow = Score(new WavefrontScorer(model, reference.Rows, states: 3), all, all);
        Assert.Equal(wide, narrow); // bit by bit
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void A_round_reads_every_block_once_however_many_candidates_there_are(int candidates)
    {
        var reference = ConformanceFolder.Open("llama");
        using var checkpoint = reference.Checkpoint();
        using var model = new StreamedModel(checkpoint);
        int[] all = reference.Survivors([]);
        Score(new WavefrontScorer(model, reference.Rows, states: 100), all, [IBlockScorer.NoBlock, .. all[1..(1 + candidates)]]);
        Assert.Equal(all.Length, model.BlocksRead);
    }

    [Fact]
    public void Two_hundred_forwards_leave_the_live_tensors_as_they_were()
    {
        var reference = ConformanceFolder.Open("llama");
        long start = LiveTensors();
        using var checkpoint = reference.Checkpoint();
        var model = new StreamedModel(checkpoint);
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
            Score(scorer, all, all);
            scorer.ScoreWithout(all, all, 0, 2, Arithmetic.Fp32, default).First(); // a pass whose losses are not all taken
            scorer.MeasureBlocks(default);
            scorer.WindowNll(null, default);
        }
    }

    [Fact]
    public void Screening_in_bfloat16_is_near_and_leaves_float32_as_it_is()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        int[][] windows = [[.. Enumerable.Range(1, 64)]];
        using var plain = new StreamedModel(checkpoint);
        using var both = new StreamedModel(checkpoint, lower: true);
        int[] all = [.. Enumerable.Range(0, plain.BlockCount)], candidates = [1, 5, 9];
        var (expected, scorer) = (Score(new WavefrontScorer(plain, windows, 10), all, candidates), new WavefrontScorer(both, windows, 10));
        Assert.Equal(expected, Score(scorer, all, candidates));
        var low = Score(scorer, all, candidates, Arithmetic.Bf16);
        foreach (var (key, nll) in expected)
        {
            Assert.NotEqual(nll, low[key]);
            Assert.Equal(nll, low[key], 0.1);
        }
        using var whole = TorchModel.Load(checkpoint);
        whole.Lower(checkpoint);
        using var inMemory = new TorchBlockScorer(whole, windows);
        Close(Score(inMemory, all, candidates, Arithmetic.Bf16), low, 1e-3);
    }

    private static void Same(Checkpoint checkpoint, int[][] windows, int[] alive, int states)
    {
        using var whole = TorchModel.Load(checkpoint);
        using var streamed = new StreamedModel(checkpoint);
        using var expected = new TorchBlockScorer(whole, windows);
        var found = new WavefrontScorer(streamed, windows, states);
        foreach (int[] candidates in (int[][])[alive, [IBlockScorer.NoBlock, .. alive[1..^1]], [alive[0]], [alive[^1]], [IBlockScorer.NoBlock]])
            Close(Score(expected, alive, candidates), Score(found, alive, candidates), 1e-5);
        Assert.InRange(found.MostStates, 1, states + windows.Length); // of the model as it is, one more
        foreach (var (a, b) in whole.WindowNll(windows, alive, default).Zip(found.WindowNll(alive, default))) Assert.Equal(a, b, 1e-5);
        foreach (var (a, b) in expected.MeasureBlocks(default).Influence.Zip(found.MeasureBlocks(default).Influence)) Assert.Equal(a, b, 1e-5);
    }

    private static SortedDictionary<(int Block, int Window), double> Score(IBlockScorer scorer, int[] alive, int[] candidates, Arithmetic arithmetic = Arithmetic.Fp32)
    {
        var losses = new SortedDictionary<(int Block, int Window), double>();
        for (int first = 0; first < scorer.WindowCount; first += scorer.WindowsPerPass)
            foreach (var loss in scorer.ScoreWithout(alive, candidates, first, Math.Min(scorer.WindowsPerPass, scorer.WindowCount - first), arithmetic, default))
                losses.Add((loss.Block, loss.Window), loss.Nll);
        Assert.Equal(candidates.Length * scorer.WindowCount, losses.Count);
        return losses;
    }

    private static void Close(SortedDictionary<(int Block, int Window), double> expected, SortedDictionary<(int Block, int Window), double> found, double tolerance)
    {
        Assert.Equal(expected.Keys, found.Keys);
        foreach (var (key, nll) in expected) Assert.Equal(nll, found[key], tolerance);
    }

    private static long LiveTensors() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
