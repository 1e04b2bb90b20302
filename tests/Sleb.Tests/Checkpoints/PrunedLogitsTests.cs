using Sleb.Core.Checkpoints;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Checkpoints;

/// <summary>Is the written folder, read back, the model the reference has without those blocks?</summary>
public sealed class PrunedLogitsTests
{
    public static TheoryData<string> Folders => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_pruned_checkpoint_has_the_logits_of_the_reference(string name)
    {
        var reference = new ConformanceFolder(name);
        using var dense = Checkpoint.Open(reference.Folder);
        foreach (var (removed, expected) in reference.LogitSets)
        {
            using var folder = new TemporaryFolder();
            PrunedCheckpoint.Write(dense, removed, folder["out"], overwrite: false, cancellationToken: TestContext.Current.CancellationToken);
            using var pruned = Checkpoint.Open(folder["out"]);
            using var model = TorchModel.Load(pruned);
            Assert.Equal(reference.Blocks - removed.Length, model.BlockCount);
            float[] logits = [.. reference.Rows.SelectMany(ids => model.Logits(ids))];
            Assert.Equal(expected.Length, logits.Length);
            Assert.InRange(expected.Zip(logits, (a, b) => Math.Abs(a - b)).Max(), 0, 2e-4f);
        }
    }
}
