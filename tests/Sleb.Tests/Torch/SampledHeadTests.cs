using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Tests.Search;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Does a sample of the vocabulary stand for all of it?</summary>
public class SampledHeadTests
{
    [Fact]
    public void A_small_vocabulary_is_taken_whole()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        using var model = TorchModel.Load(checkpoint);
        int[] ids = [.. Enumerable.Range(0, 96).Select(i => i * 37 % 2000)];
        Compare(model, ids, [2, 5], (head, _, hidden) => head.TokenNll(hidden), 1e-6);
    }

    /// <remarks>At most 0.0023 nats on these 128 tokens, eight bits included: an error five times as large breaks the bound.</remarks>
    [Fact]
    public void Of_a_large_vocabulary_a_twelfth_gives_the_losses()
    {
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        using var model = TorchModel.Load(checkpoint);
        Compare(model, new SmolLM2Reference().Calibration[0][..128], [12, 14, 17, 25], (_, near, hidden) => near.TokenNll(hidden), 0.01);
    }

    private static void Compare(TorchModel model, int[] ids, int[] removed, Func<SampledHead, SampledHead.Neighbourhood, Tensor, double[]> score, double tolerance)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        int[] all = [.. Enumerable.Range(0, model.BlockCount)];
        var dense = model.Run(model.Embed(ids), all, Arithmetic.Fp32, default);
        var (head, losses) = SampledHead.Draw(model, dense, ids, default);
        Assert.Equal(model.TokenNll(dense, ids, Arithmetic.Fp32, default), losses);
        using var memory = new KeptMemory();
        using var near = head.Around(dense, losses, memory);
        foreach (int block in removed)
        {
            var hidden = model.Run(model.Embed(ids), all.Where(other => other != block), Arithmetic.Fp32, default);
            double exact = model.TokenNll(hidden, ids, Arithmetic.Fp32, default).Average();
            Assert.Equal(exact, score(head, near, hidden).Average(), tolerance);
        }
    }
}
