using System.Text.Json.Nodes;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;

namespace Sleb.Tests.Onnx;

/// <summary>A folder that exists is a folder that works; nothing half-written stands where a finished thing would.</summary>
public sealed class ExportTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();
    private readonly Checkpoint _checkpoint = ConformanceFolder.Open("llama").Checkpoint();

    [Fact]
    public void TheSameInputGivesTheSameBytes()
    {
        Export(Request("first", 3, 1));
        Export(Request("second", 3, 1));
        string[] files = [.. Directory.GetFiles(_temporary["first"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];
        Assert.Equal(["genai_config.json", "generation_config.json", "model.onnx", "model.onnx.data", "sleb.json"], files);
        foreach (string file in files)
            Assert.Equal(File.ReadAllBytes(_temporary["first", file]), File.ReadAllBytes(_temporary["second", file]));
    }

    [Fact]
    public void AFolderThatHoldsTheSameModelIsLeftAsItIs()
    {
        var request = Request("out", 1, 3) with { DensePerplexity = 12.5 };
        var first = Export(request);
        Assert.False(first.AlreadyThere);
        Assert.Equal(Directory.GetFiles(first.Folder).Sum(file => new FileInfo(file).Length), first.Bytes);
        File.WriteAllText(_temporary["out", "notes.txt"], "mine");

        var second = Export(request with { DensePerplexity = null });
        Assert.True(second.AlreadyThere);
        Assert.Equal(12.5, second.Provenance.DensePerplexity);
        Assert.True(File.Exists(_temporary["out", "notes.txt"]));
    }

    [Fact]
    public void AnythingElseInTheTargetNeedsOverwrite()
    {
        Export(Request("out", 1));
        var refusal = Assert.Throws<IOException>(() => Export(Request("out", 2)));
        Assert.Contains("not empty", refusal.Message);
        Assert.Equal([1], Provenance.Read(_temporary["out"])!.RemovedBlocks);

        Assert.False(Export(Request("out", 2) with { Overwrite = true }).AlreadyThere);
        Assert.Equal([2], Provenance.Read(_temporary["out"])!.RemovedBlocks);
        AssertNothingElseThan("out");
    }

    [Fact]
    public void AFolderThatLostItsGraphIsNotTheSameModel()
    {
        Export(Request("out"));
        File.Delete(_temporary["out", "model.onnx"]);
        Assert.Throws<IOException>(() => Export(Request("out")));
    }

    [Fact]
    public void TheFolderOfTheCheckpointIsNeverReplaced()
    {
        using var copy = new CheckpointCopy(_checkpoint.Folder).Write(_temporary["model", "inner"]);
        foreach (string target in (string[])["model/inner", "model"])
            Assert.Throws<ArgumentException>(() => Export(new() { Checkpoint = copy, RemovedBlocks = [], OutFolder = _temporary[target], Overwrite = true }));
        Assert.True(File.Exists(_temporary["model", "inner", "model.safetensors"]));
    }

    [Fact]
    public void TheReferenceIsAskedForTheModelThatWasWritten()
    {
        using var written = Exported.Of(_checkpoint.Folder, 2);
        int asked = 0;
        Export(Request("out", 2) with
        {
            ReferenceLogits = ids =>
            {
                asked++;
                Assert.Equal(8, ids.Count);
                Assert.All(ids, id => Assert.InRange(id, 0, 198));
                return written.Model.Logits([.. ids], TestContext.Current.CancellationToken);
            },
        });
        Assert.Equal(1, asked);
    }

    [Theory]
    [InlineData(0.002f)] // what a norm epsilon of 1e-6 in place of 1e-5 does to this model
    [InlineData(float.NaN)]
    public void AReferenceThatSaysSomethingElseRefusesTheFolder(float difference)
    {
        using var written = Exported.Of(_checkpoint.Folder, 2);
        var refusal = Assert.Throws<InvalidDataException>(() => Export(Request("out", 2) with
        {
            ReferenceLogits = ids =>
            {
                float[] logits = written.Model.Logits([.. ids], TestContext.Current.CancellationToken);
                logits[^1] += difference;
                return logits;
            },
        }));
        Assert.Contains("differ", refusal.Message);
        AssertNothingElseThan();
    }

    [Fact]
    public void AWrongReferenceLeavesTheOldFolder()
    {
        Export(Request("out", 1));
        Assert.Throws<InvalidDataException>(() => Export(Request("out", 2) with { Overwrite = true, ReferenceLogits = ids => new float[ids.Count * 199] }));
        Assert.Equal([1], Provenance.Read(_temporary["out"])!.RemovedBlocks);
        AssertNothingElseThan("out");
    }

    [Fact]
    public void WeightsThatOverflowAreRefused()
    {
        var copy = new CheckpointCopy(_checkpoint.Folder);
        Array.Fill(copy.Tensors["model.layers.2.mlp.up_proj.weight"].Values, 3e38f);
        using var huge = copy.Write(_temporary["huge"]);
        var refusal = Assert.Throws<InvalidDataException>(() => Export(new() { Checkpoint = huge, RemovedBlocks = [], OutFolder = _temporary["out"] }));
        Assert.Contains("overflow", refusal.Message);
        AssertNothingElseThan("huge");
        Export(new() { Checkpoint = huge, RemovedBlocks = [2], OutFolder = _temporary["out"] }); // a removed block is not read
    }

    [Fact]
    public void CancellingLeavesNothing()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => OnnxExporter.Export(Request("out"), source.Token));
        using var late = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => OnnxExporter.Export(Request("out") with
        {
            ReferenceLogits = ids =>
            {
                late.Cancel();
                throw new OperationCanceledException(late.Token);
            },
        }, late.Token));
        AssertNothingElseThan();
    }

    [Theory]
    [InlineData("5", "blocks 0 to 4")]
    [InlineData("-1", "blocks 0 to 4")]
    [InlineData("1,2,1", "twice")]
    [InlineData("0,1,2,3,4", "at least one must stay")]
    public void BlocksThatCannotBeRemovedAreNamed(string removed, string reason)
    {
        var refusal = Assert.Throws<ArgumentException>(() => Export(Request("out", Array.ConvertAll(removed.Split(','), int.Parse))));
        Assert.Contains(reason, refusal.Message);
        AssertNothingElseThan();
    }

    [Fact]
    public void Float32ForCudaIsRefused()
    {
        var refusal = Assert.Throws<ArgumentException>(() => Export(Request("out") with { Target = "cuda" }));
        Assert.Contains("no float32 attention on CUDA", refusal.Message);
    }

    [Fact]
    public void ATensorOfTheWrongShapeIsNamedWithBothShapes()
    {
        var copy = new CheckpointCopy(_checkpoint.Folder);
        copy.Tensors["model.layers.3.self_attn.k_proj.weight"] = ([64, 64], new float[64 * 64]);
        using var wrong = copy.Write(_temporary["wrong"]);
        var refusal = Assert.Throws<CheckpointException>(() => Export(new() { Checkpoint = wrong, RemovedBlocks = [], OutFolder = _temporary["out"] }));
        Assert.Contains("model.layers.3.self_attn.k_proj.weight", refusal.Message);
        Assert.Contains("[64, 64]", refusal.Message);
        Assert.Contains("[32, 64]", refusal.Message);
        AssertNothingElseThan("wrong");
    }

    [Fact]
    public void ProvenanceStandsInTheGraphAndBesideIt()
    {
        using var _ = Exported.Of(_checkpoint.Folder);
        Export(Request("out", 3, 1) with { CalibrationFingerprint = "c0ffee", DensePerplexity = 20.25, PrunedPerplexity = 21.5 });
        var graph = Sleb.Onnx.Protos.ModelProto.Parser.ParseFrom(File.ReadAllBytes(_temporary["out", "model.onnx"]));
        var metadata = graph.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value);
        Assert.Equal(_checkpoint.Fingerprint, metadata["sleb.base_fingerprint"]);
        Assert.Equal("3,1", metadata["sleb.removed_blocks"]);
        Assert.Equal("0,2,4", metadata["sleb.survivors"]);
        Assert.Equal("c0ffee", metadata["sleb.calibration_fingerprint"]);
        Assert.Equal("20.25", metadata["sleb.dense_perplexity"]);
        Assert.Equal("21.5", metadata["sleb.pruned_perplexity"]);
        var sidecar = JsonNode.Parse(File.ReadAllBytes(_temporary["out", "sleb.json"]))!;
        Assert.Equal("[3,1]", sidecar["removedBlocks"]!.ToJsonString());
        Assert.Equal("[0,2,4]", sidecar["survivors"]!.ToJsonString());
        using var session = new OrtWholePass(_temporary["out"]);
        Assert.Equal("3,1", session.Session.ModelMetadata.CustomMetadataMap["sleb.removed_blocks"]);
    }

    public void Dispose()
    {
        _checkpoint.Dispose();
        _temporary.Dispose();
    }

    private static ExportResult Export(ExportRequest request) => OnnxExporter.Export(request, TestContext.Current.CancellationToken);

    private ExportRequest Request(string name, params int[] removed) => new() { Checkpoint = _checkpoint, RemovedBlocks = removed, OutFolder = _temporary[name] };

    private void AssertNothingElseThan(params string[] names) => Assert.Equal(names, Directory.GetFileSystemEntries(_temporary.Path).Select(Path.GetFileName));
}
