using Sleb.Core.Checkpoints;
using Sleb.Tests.Onnx;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Evaluation;

/// <summary>Does a real model give the answers, and their log-probabilities, that lm-evaluation-harness's rules give with the reference implementation?</summary>
public class SmolLM2ZeroShotTests(ITestOutputHelper output)
{
    private const double Tolerance = 2e-3;

    [Fact]
    public void One_item_of_each_task_on_the_checkpoint_dense_and_without_three_blocks()
    {
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        using var model = TorchModel.Load(checkpoint);
        Assert.InRange(new ZeroShotReference("dense").Compare(new TorchTokenScorer(model, checkpoint.Config), item => item == 5), 0, Tolerance);
        Assert.InRange(new ZeroShotReference("minus-3").Compare(new TorchTokenScorer(model, checkpoint.Config, Without(ZeroShotReference.Removed)), item => item == 17), 0, Tolerance);
    }

    [Fact]
    public void One_item_of_each_task_on_the_written_folder()
    {
        using var folder = Exported.Of(SmolLM2.Folder, ZeroShotReference.Removed);
        Assert.InRange(new ZeroShotReference("minus-3").Compare(folder.Model, item => item == 23), 0, Tolerance);
    }

    [Theory]
    [InlineData("dense", false)]
    [InlineData("dense", true)]
    [InlineData("minus-3", false)]
    [InlineData("minus-3", true)]
    public void All_recorded_items(string name, bool written)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("SLEB_LONG_TESTS") == "1", "480 items take minutes: set SLEB_LONG_TESTS=1 to run them.");
        int[] removed = name == "dense" ? [] : ZeroShotReference.Removed;
        double worst;
        if (written)
        {
            using var folder = Exported.Of(SmolLM2.Folder, removed);
            worst = new ZeroShotReference(name).Compare(folder.Model, _ => true, output.WriteLine);
        }
        else
        {
            using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
            using var model = TorchModel.Load(checkpoint);
            worst = new ZeroShotReference(name).Compare(new TorchTokenScorer(model, checkpoint.Config, Without(removed)), _ => true, output.WriteLine);
        }
        Assert.InRange(worst, 0, Tolerance);
    }

    private static int[] Without(int[] removed) => [.. Enumerable.Range(0, 30).Except(removed)];
}
