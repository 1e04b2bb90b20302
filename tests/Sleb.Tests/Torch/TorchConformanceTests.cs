using Sleb.Torch.Scoring;

namespace Sleb.Tests.Torch;

/// <summary>Is the family right? Every conformance folder against the reference implementation.</summary>
public class TorchConformanceTests
{
    public static TheoryData<string> Names => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Logits_equal_the_reference_dense_and_with_blocks_removed(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        Assert.NotEmpty(reference.RemovedSets);
        foreach (int[] removed in reference.RemovedSets)
            for (int row = 0; row < reference.Rows.Length; row++)
            {
                float[] expected = reference.Logits(removed, row), logits = model.Logits(reference.Rows[row], reference.Survivors(removed));
                Assert.Equal(expected.Length, logits.Length);
                Assert.InRange(expected.Zip(logits, (a, b) => Math.Abs(a - b)).Max(), 0, 2e-4f);
            }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Losses_equal_the_reference_for_every_single_block(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        var scorer = new TorchBlockScorer(model, reference.Rows);
        int[] all = reference.Survivors([]);
        Assert.Equal(reference.MeanNll([])!.Value, scorer.Score(all, default).Average(), 5e-5);
        foreach (var losses in scorer.ScoreWithout(all, all, default))
            Assert.Equal(reference.MeanNll([losses.Block])!.Value, losses.MeanNll, 5e-5);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Greedy_ids_equal_the_reference(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        foreach (var (removed, ids) in reference.GreedyRuns)
            Assert.Equal(ids, model.Greedy(reference.GreedyPrompt, ids.Length, [], reference.Survivors(removed), default));
    }
}
