using Sleb.Core.Checkpoints;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Torch;

/// <summary>Is the family right? Every conformance folder against the reference implementation.</summary>
public class TorchConformanceTests
{
    public static TheoryData<string> Folders => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Folders))]
    public void Logits_equal_the_reference_dense_and_with_blocks_removed(string name)
    {
        var reference = new ConformanceFolder(name);
        using var checkpoint = Checkpoint.Open(reference.Folder);
        using var model = TorchModel.Load(checkpoint);
        Assert.NotEmpty(reference.LogitSets);
        float worst = 0;
        foreach (var (removed, expected) in reference.LogitSets)
        {
            float[] logits = [.. reference.Rows.SelectMany(ids => model.Logits(ids, reference.Survivors(removed)))];
            worst = Math.Max(worst, MaxDifference(expected, logits));
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{name}: Torch {worst:g3}");
        Assert.InRange(worst, 0, 2e-4f);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_pruned_checkpoint_read_back_gives_the_reference_logits(string name)
    {
        var reference = new ConformanceFolder(name);
        using var checkpoint = Checkpoint.Open(reference.Folder);
        foreach (var (removed, expected) in reference.LogitSets.Where(set => set.Removed.Length > 0))
        {
            using var temporary = new TemporaryFolder();
            PrunedCheckpoint.Write(checkpoint, removed, temporary["out"], overwrite: false, cancellationToken: TestContext.Current.CancellationToken);
            using var written = Checkpoint.Open(temporary["out"]);
            using var model = TorchModel.Load(written);
            Assert.InRange(MaxDifference(expected, [.. reference.Rows.SelectMany(ids => model.Logits(ids))]), 0, 2e-4f);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Losses_equal_the_reference_for_every_single_block(string name)
    {
        var reference = new ConformanceFolder(name);
        using var checkpoint = Checkpoint.Open(reference.Folder);
        using var model = TorchModel.Load(checkpoint);
        var scorer = new TorchBlockScorer(model, reference.Rows);
        int[] all = reference.Survivors([]);
        var dense = scorer.Score(all, default);
        var without = scorer.ScoreWithout(all, all, default).ToDictionary(losses => losses.Block, losses => losses.MeanNll);
        foreach (var (removed, expected) in reference.Losses)
            Assert.Equal(expected, removed.Length == 0 ? dense.Average() : without[removed[0]], 5e-5);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Greedy_ids_equal_the_reference(string name)
    {
        var reference = new ConformanceFolder(name);
        using var checkpoint = Checkpoint.Open(reference.Folder);
        using var model = TorchModel.Load(checkpoint);
        foreach (var (removed, ids) in reference.Greedy)
            Assert.Equal(ids, model.Greedy(reference.Prompt, ids.Length, [], reference.Survivors(removed), default));
    }

    private static float MaxDifference(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        float worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            float difference = Math.Abs(expected[i] - found[i]);
            if (!(difference <= worst)) worst = difference; // a NaN stays
        }
        return worst;
    }
}
