using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Whatever happens: is a folder that stands there a folder that works, and is nothing lost?</summary>
public sealed class PrunedCheckpointSafetyTests
{
    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Fact]
    public void A_target_with_something_in_it_needs_overwrite()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["out", "mine.txt"], "mine");

        string message = Assert.Throws<IOException>(() => PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None)).Message;
        Assert.Equal($"The folder {folder["out"]} is not empty; give another folder, or --overwrite (Overwrite = true) to replace it.", message);
        Assert.Equal(["mine.txt"], Directory.GetFileSystemEntries(folder["out"]).Select(path => Path.GetFileName(path)));

        PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: true, cancellationToken: None);
        Assert.Equal(["config.json", "model.safetensors", "sleb.json"], Directory.GetFileSystemEntries(folder["out"]).Select(path => Path.GetFileName(path)).Order());
        Assert.Equal(["in", "out"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void An_empty_target_a_new_path_and_a_trailing_slash_are_fine()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        Directory.CreateDirectory(folder["empty"]);
        PrunedCheckpoint.Write(dense, [0], folder["empty"], overwrite: false, cancellationToken: None);
        Assert.Equal(folder["a", "b", "c"], PrunedCheckpoint.Write(dense, [0], folder["a", "b", "c"] + "/", overwrite: false, cancellationToken: None).Folder);
        Assert.True(File.Exists(folder["a", "b", "c", "sleb.json"]));
        Assert.Equal(["c"], Directory.GetFileSystemEntries(folder["a", "b"]).Select(path => Path.GetFileName(path)));
    }

    [Fact]
    public void A_file_in_the_place_of_the_target_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        File.WriteAllText(folder["out"], "mine");
        Assert.Contains("is a file", Assert.Throws<IOException>(() => PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: true, cancellationToken: None)).Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(folder["out"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_same_finished_model_is_success_without_writing(bool overwrite)
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        var first = PrunedCheckpoint.Write(dense, [2, 0], folder["out"], overwrite: false, new HfExportOptions { DensePerplexity = 3 }, None);
        File.WriteAllText(folder["out", "note.txt"], "still here");
        var again = PrunedCheckpoint.Write(dense, [2, 0], folder["out"], overwrite, cancellationToken: None);
        Assert.Equal((false, true), (first.AlreadyThere, again.AlreadyThere));
        Assert.Equal((first.Folder, 3.0), (again.Folder, again.Provenance.DensePerplexity));
        Assert.Equal(first.Bytes + "still here".Length, again.Bytes);
        Assert.True(File.Exists(folder["out", "note.txt"]));
    }

    [Fact]
    public void Other_blocks_another_model_or_a_folder_that_lost_a_file_are_not_the_same()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        using var other = Checkpoint.Open(TinyModel.Write(folder["other"], extraConfig: """ "x": 1, """));
        PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None);
        Assert.Throws<IOException>(() => PrunedCheckpoint.Write(dense, [1], folder["out"], overwrite: false, cancellationToken: None));
        Assert.Throws<IOException>(() => PrunedCheckpoint.Write(other, [0], folder["out"], overwrite: false, cancellationToken: None));
        File.Delete(folder["out", "model.safetensors"]);
        Assert.Throws<IOException>(() => PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None));
        Assert.False(PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: true, cancellationToken: None).AlreadyThere);
        using var restored = Checkpoint.Open(folder["out"]);
        restored.RequireFamily();
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("{}")]
    [InlineData("""{"artifact":"hf","precision":"fp32","baseFingerprint":"x","family":"llama","blocks":4,"removedBlocks":null,"survivors":[]}""")]
    public void A_damaged_sidecar_is_reported_and_can_be_replaced(string sidecar)
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["out", "sleb.json"], sidecar);
        Assert.Contains("sleb.json is damaged", Assert.Throws<CheckpointException>(
            () => PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None)).Message, StringComparison.Ordinal);
        Assert.False(PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: true, cancellationToken: None).AlreadyThere);
    }

    [Fact]
    public void The_source_is_never_replaced_by_what_is_made_from_it()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["models", "in"]));
        Directory.CreateSymbolicLink(folder["link"], folder["models", "in"]);
        Directory.CreateSymbolicLink(folder["parent"], folder["models"]);
        string before = dense.Fingerprint;
        foreach (string target in new[] { folder["models", "in"], folder["models", "in"] + "/", folder["models"], folder["models", "x", "..", "in"], folder["link"], folder["parent", "in"] })
            Assert.Contains("is the folder of the model itself, or holds it", Assert.Throws<IOException>(
                () => PrunedCheckpoint.Write(dense, [0], target, overwrite: true, cancellationToken: None)).Message, StringComparison.Ordinal);
        using var still = Checkpoint.Open(folder["models", "in"]);
        Assert.Equal(before, still.Fingerprint);
        PrunedCheckpoint.Write(dense, [0], folder["models", "..in"], overwrite: true, cancellationToken: None); // beside it, whatever its name
    }

    [Fact]
    public void Blocks_the_model_does_not_have_are_refused_before_anything_is_written()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        foreach (int[] removed in new[] { new[] { 4 }, [0, 0], [0, 1, 2, 3] })
            Assert.Throws<ArgumentException>(() => PrunedCheckpoint.Write(dense, removed, folder["out"], overwrite: true, cancellationToken: None));
        Assert.Equal(["in"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)));
    }

    [Theory]
    [InlineData(1)] // while writing
    [InlineData(10)] // at the end of writing
    [InlineData(11)] // while verifying
    [InlineData(20)] // after the last byte, before the folder is moved into place
    public void A_cancel_leaves_nothing_new_and_loses_nothing_old(int step)
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        using var cancel = new CancellationTokenSource();
        int steps = 0;
        var options = new HfExportOptions
        {
            Progress = new Watch(_ =>
            {
                Assert.False(Directory.Exists(folder["out"]));
                if (++steps == step) cancel.Cancel();
            }),
        };
        Assert.Throws<OperationCanceledException>(() => PrunedCheckpoint.Write(dense, [], folder["out"], overwrite: false, options, cancel.Token));
        Assert.Equal(step, steps);
        Assert.Equal(["in"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)));
    }

    [Fact]
    public void A_source_that_breaks_half_way_leaves_the_old_folder_as_it_was()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None);
        byte[] old = File.ReadAllBytes(folder["out", "model.safetensors"]);
        using (var file = new FileStream(folder["in", "model.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) file.SetLength(file.Length - 8);

        Assert.Contains("it changed while it was read", Assert.Throws<CheckpointException>(
            () => PrunedCheckpoint.Write(dense, [1], folder["out"], overwrite: true, cancellationToken: None)).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => PrunedCheckpoint.Write(dense, [1], folder["new"], overwrite: false, cancellationToken: None));
        Assert.Equal(["in", "out"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)).Order());
        Assert.Equal(old, File.ReadAllBytes(folder["out", "model.safetensors"]));
    }

    [Fact]
    public void A_byte_that_does_not_read_back_is_found_before_the_folder_stands()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        bool broken = false;
        var progress = new Watch(report =>
        {
            if (broken || report.Done <= report.Total / 2) return;
            broken = true; // the first tensor has been verified, the last byte has not
            using var file = new FileStream(folder["out.partial", "model.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.Seek(-1, SeekOrigin.End);
            file.WriteByte(0x3D);
        });
        Assert.Contains("does not read back as it was written", Assert.Throws<CheckpointException>(
            () => PrunedCheckpoint.Write(dense, [], folder["out"], overwrite: false, new HfExportOptions { Progress = progress }, None)).Message, StringComparison.Ordinal);
        Assert.True(broken);
        Assert.Equal(["in"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)));
    }

    [Theory]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.BF16)]
    internal void A_NaN_in_a_survivor_is_refused_and_one_in_a_removed_block_goes_with_it(TensorType type)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder["in"], type: type);
        byte[] nan = new byte[TensorEntry.BytesPerElement(type)];
        TinyModel.Put(type, float.NaN, nan);
        using (var look = Checkpoint.Open(folder["in"]))
        using (var file = new FileStream(folder["in", "model.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            var entry = look.Tensors["model.layers.2.mlp.up_proj.weight"];
            file.Position = entry.Offset + entry.Bytes - nan.Length;
            file.Write(nan);
        }
        using var dense = Checkpoint.Open(folder["in"]);
        Assert.Equal($"{folder["in", "model.safetensors"]} holds a NaN or an infinity in tensor 'model.layers.2.mlp.up_proj.weight'; the checkpoint is damaged, download it again.",
            Assert.Throws<CheckpointException>(() => PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None)).Message);
        Assert.False(Directory.Exists(folder["out"]));
        PrunedCheckpoint.Write(dense, [2], folder["out"], overwrite: false, cancellationToken: None);
    }

    [Fact]
    public void What_a_killed_run_left_behind_is_cleared_away()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        foreach (string left in new[] { "out.partial", "out.replaced" })
        {
            Directory.CreateDirectory(folder[left]);
            File.WriteAllText(folder[left, "model.safetensors"], "half of it");
        }
        PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None);
        PrunedCheckpoint.Write(dense, [1], folder["out"], overwrite: true, cancellationToken: None);
        Assert.Equal(["in", "out"], Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)).Order());
        Assert.Equal([1], Provenance.Read(folder["out"])!.RemovedBlocks);
    }
}
