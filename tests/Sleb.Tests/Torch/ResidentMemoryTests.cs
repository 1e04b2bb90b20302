using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;
using Sleb.Torch.Streaming;

namespace Sleb.Tests.Torch;

/// <summary>Does a long search stay as large as a short one? Alone, because what is resident is the whole process.</summary>
[CollectionDefinition(nameof(ResidentMemoryTests), DisableParallelization = true)]
[Collection(nameof(ResidentMemoryTests))]
public class ResidentMemoryTests
{
    /// <summary>What two hundred forwards may leave: a hundredth of what they made.</summary>
    private const long Growth = 16_000_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Two_hundred_forwards_leave_the_resident_memory_as_it_was(bool streamed)
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        int[][] windows = [[.. Enumerable.Range(1, 128)], [.. Enumerable.Range(200, 128)]];
        using var held = streamed ? new StreamedModel(checkpoint) : (IDisposable)TorchModel.Load(checkpoint);
        IBlockScorer scorer = held is StreamedModel model ? new WavefrontScorer(model, windows, states: 30) : new TorchBlockScorer((TorchModel)held, windows);
        using var states = scorer as IDisposable;
        int[] all = [.. Enumerable.Range(0, scorer.BlockCount)];
        Forward(20); // kernels, kept states, the code itself
        long before = Resident();
        Forward(200);
        Assert.InRange(Resident() - before, long.MinValue, Growth);

        void Forward(int forwards)
        {
            for (int done = 0; done < forwards; done += scorer.WindowsPerPass * all.Length)
                foreach (var _ in scorer.ScoreWithout(all, all, 0, scorer.WindowsPerPass, Arithmetic.Fp32, default))
                {
                }
        }
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return ProcessMemory.Resident();
    }
}
