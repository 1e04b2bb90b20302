using Sleb.Core.Search;
using Sleb.Torch.Scoring;
using TorchSharp;

namespace Sleb.Tests.Torch;

/// <summary>Does every tensor die where it should?</summary>
public class TorchModelTests
{
    [Theory]
    [InlineData(long.MaxValue)] // hidden states are kept
    [InlineData(0)]
    public void Two_hundred_forwards_leave_the_live_tensors_as_they_were(long stateBytes)
    {
        var reference = ConformanceFolder.Open("llama");
        long start = LiveTensors();
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        model.Lower(checkpoint);
        int[] all = [0, 1, 2, 3, 4];
        Pass();
        long before = LiveTensors();
        for (int i = 0; i < 20; i++) Pass(); // 10 forwards each

        Assert.Equal(before, LiveTensors());
        model.Dispose();
        Assert.Equal(start, LiveTensors());

        void Pass()
        {
            using var scorer = new TorchBlockScorer(model, reference.Rows, Arithmetic.Int8, stateBytes);
            scorer.ScoreWithout(all, all, 0, reference.Rows.Length, Arithmetic.Fp32, default).ToList();
            scorer.ScoreWithout(all, all, 0, 1, Arithmetic.Bf16, default).First(); // a walk that is left early
            scorer.ScoreWithout(all, all, 0, 2, Arithmetic.Int8Bf16, default).First(); // products are kept
            scorer.ScoreWithout(all, [1, 3], 0, 1, Arithmetic.Fp32, default).ToList(); // contenders, whose states are kept
            scorer.ScoreWithout([0, 1, 2, 4], [1, 2], 0, 2, Arithmetic.Int8, default).ToList(); // and inherited
            scorer.ScoreWithout([0, 1, 2, 4], [IBlockScorer.NoBlock, 2], 0, 1, Arithmetic.Fp32, default).ToList();
            scorer.MeasureBlocks(default);
            model.Logits(reference.Rows[0]);
            new TorchTokenScorer(model, checkpoint.Config).Score([new(reference.Rows[0], 5), new(reference.Rows[1][..9], 8), new(reference.Rows[0], 7)], default);
            model.Greedy(reference.GreedyPrompt, 2, [], all, default);
        }
    }

    /// <summary>Made on this thread and not disposed; what the collector would find later counts as alive.</summary>
    private static long LiveTensors() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
