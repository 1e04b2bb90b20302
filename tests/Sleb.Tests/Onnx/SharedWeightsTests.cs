using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Onnx;

/// <summary>A pruned folder that refers to the dense folder's weights is the same model as one with its own.</summary>
public sealed class SharedWeightsTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public static TheoryData<string, string> Cases => [.. ConformanceFolder.All.Select(name => (name, "fp32")), ("llama", "int4"), ("gpt2", "int8")];

    [Theory, MemberData(nameof(Cases))]
    public void Both_folders_run_and_the_weights_are_there_once(string name, string precision)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        Export(checkpoint, "dense", [], precision);
        Export(checkpoint, "copied", [1, 3], precision);
        Export(checkpoint, "shared", [1, 3], precision, "dense");
        AssertSameFile(_temporary["dense", "model.onnx.data"], _temporary["shared", "model.onnx.data"]);
        using (var dense = GenAIModel.Load(_temporary["dense"])) Assert.NotEmpty(dense.Logits(folder.Rows[0], TestContext.Current.CancellationToken));
        Directory.Delete(_temporary["dense"], recursive: true); // the second name keeps the file
        using GenAIModel copied = GenAIModel.Load(_temporary["copied"]), shared = GenAIModel.Load(_temporary["shared"]);
        foreach (int[] row in folder.Rows)
            Assert.Equal(copied.Logits(row, TestContext.Current.CancellationToken), shared.Logits(row, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_folder_that_is_not_of_this_model_in_this_form_is_refused()
    {
        using var checkpoint = ConformanceFolder.Open("llama").Checkpoint();
        using var other = ConformanceFolder.Open("mistral").Checkpoint();
        Export(checkpoint, "dense", [], "fp32");
        Export(checkpoint, "pruned", [2], "fp32");
        Directory.CreateDirectory(_temporary["empty"]);
        Refused("holds no weights to share", checkpoint, "fp32", "empty");
        Refused("written from another checkpoint", other, "fp32", "dense");
        Refused("holds weights for cpu in fp32, but cpu in int4", checkpoint, "int4", "dense");
        Refused("lacks block 2, which stays here", checkpoint, "fp32", "pruned");
        Assert.False(Directory.Exists(_temporary["shared"]));

        void Refused(string reason, Checkpoint model, string precision, string share) =>
            Assert.Contains(reason, Assert.Throws<CheckpointException>(() => Export(model, "shared", [1], precision, share)).Message);
    }

    [Fact]
    public void Inspect_sees_a_data_file_that_was_changed_or_cut()
    {
        using var checkpoint = ConformanceFolder.Open("llama").Checkpoint();
        Export(checkpoint, "dense", [], "fp32");
        Export(checkpoint, "shared", [1, 3], "fp32", "dense");
        Assert.Null(DataCheck.Find(_temporary["shared"]));
        using (var data = File.OpenWrite(_temporary["dense", "model.onnx.data"]))
        {
            data.Position = data.Length - 1;
            data.WriteByte(0x55);
        }
        var changed = SlebCli.Run("inspect", _temporary["shared"], "--json");
        Assert.Contains("is shared with another folder and was changed since", changed.Out);
        using (var data = File.OpenWrite(_temporary["dense", "model.onnx.data"])) data.SetLength(data.Length - 4096);
        Assert.Contains("but its graph reads up to", DataCheck.Find(_temporary["dense"]));
        File.Delete(_temporary["dense", "model.onnx.data"]);
        Assert.Contains("is missing", DataCheck.Find(_temporary["dense"]));
    }

    public void Dispose() => _temporary.Dispose();

    private void Export(Checkpoint checkpoint, string name, int[] removed, string precision, string? share = null) => OnnxExporter.Export(new()
    {
        Checkpoint = checkpoint,
        RemovedBlocks = removed,
        OutFolder = _temporary[name],
        Precision = precision,
        Form = new() { AccuracyLevel = 0, ShareWeights = share is null ? null : _temporary[share] },
    }, TestContext.Current.CancellationToken);

    /// <summary>What is written through one name is read through the other: du counts it once.</summary>
    private static void AssertSameFile(string left, string right)
    {
        byte[] before = File.ReadAllBytes(left);
        using (var stream = File.OpenWrite(left)) stream.WriteByte((byte)~before[0]);
        Assert.Equal((byte)~before[0], File.ReadAllBytes(right)[0]);
        using (var stream = File.OpenWrite(left)) stream.WriteByte(before[0]);
    }
}
