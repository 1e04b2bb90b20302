using Sleb.Torch.Scoring;
using TorchSharp;

namespace Sleb.Tests.Torch;

/// <summary>Does every tensor die where it should?</summary>
public class TorchModelTests
{
    [Fact]
    public void Two_hundred_forwards_leave_the_live_tensors_as_they_were()
    {
        var reference = ConformanceFolder.Open("llama");
        long start = LiveTensors();
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        var scorer = new TorchBlockScorer(model, reference.Rows);
        int[] all = [0, 1, 2, 3, 4];
        Pass();
        long before = LiveTensors();
        for (int i = 0; i < 20; i++) Pass(); // 10 forwards each

        Assert.Equal(before, LiveTensors());
        model.Dispose();
        Assert.Equal(start, LiveTensors());

        void Pass()
        {
            scorer.ScoreWithout(all, all, default).ToList();
            scorer.ScoreWithout(all, all, default).First(); // a walk that is left early
            scorer.Score(all, default);
            scorer.BlockInfluence(default);
            model.Logits(reference.Rows[0]);
            new TorchTokenScorer(model, checkpoint.Config).Score([new(reference.Rows[0], 5), new(reference.Rows[1][..9], 8), new(reference.Rows[0], 7)], default);
            model.Greedy(reference.GreedyPrompt, 2, [], all, default);
        }
    }

    /// <summary>Made on this thread and not disposed; what the collector would find later counts as alive.</summary>
    private static long LiveTensors() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
