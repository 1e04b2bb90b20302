using System.Globalization;
using System.Text.Json.Nodes;
using Sleb.Core.Artifacts;
using Sleb.Onnx.Protos;
using Sleb.Onnx.Runtime;
using Sleb.Onnx.Surgery;

namespace Sleb.Tests.Onnx;

/// <summary>Is what surgery leaves of a package the package that is made from the pruned checkpoint?</summary>
public sealed class BlockSurgeryTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    [Theory]
    [MemberData(nameof(BuilderPackage.Sets), MemberType = typeof(BuilderPackage))]
    public void LogitsAndGreedyIdsAreThoseOfTheBuildersPackageOfThePrunedCheckpoint(string name, string removed)
    {
        var package = new BuilderPackage(name);
        string pruned = Remove(package.Folder, BuilderPackage.Blocks(removed));
        if (package.IsQuantized) pruned = BuilderPackage.Change(pruned, _temporary["level0"], BuilderPackage.FloatActivations);
        using var session = new OrtWholePass(pruned);
        using var model = GenAIModel.Load(pruned);
        double ort = EmitConformanceTests.MaxDifference(package.Logits(removed), session.Logits(package.Prompt));
        double genai = EmitConformanceTests.MaxDifference(package.Logits(removed), model.Logits(package.Prompt, TestContext.Current.CancellationToken));
        TestContext.Current.TestOutputHelper!.WriteLine($"{name} without {removed}: ORT {ort:g3}, GenAI {genai:g3}");
        Assert.InRange(Math.Max(ort, genai), 0, package.IsQuantized ? 1e-4 : 1e-5);
        Assert.Equal(package.Greedy(removed), model.Generate(package.Prompt, new() { MaxNewTokens = 24, IgnoreEos = true }, null, TestContext.Current.CancellationToken));
    }

    [Theory]
    [MemberData(nameof(BuilderPackage.Sets), MemberType = typeof(BuilderPackage))]
    public void WeightsThatStayAreBitForBitTheOldOnesAndLieAsTheBuilderLaysThem(string name, string removed)
    {
        var package = new BuilderPackage(name);
        int[] gone = BuilderPackage.Blocks(removed);
        string pruned = Remove(package.Folder, gone);
        var before = Weights(package.Folder);
        var after = Weights(pruned);
        int[] survivors = [.. Enumerable.Range(0, 6).Except(gone)];
        int norm = survivors.Length; // the builder's final norm counts on
        var expected = before.Where(weight => Layer(weight.Name) is not { } layer || !gone.Contains(layer)).Select(weight => (
            Layer(weight.Name) is { } layer ? weight.Name.Replace($"layers.{layer}.", $"layers.{(layer == 6 ? norm : Array.IndexOf(survivors, layer))}.") : weight.Name, weight.Bytes)).ToList();
        Assert.Equal(expected.Select(weight => weight.Item1), after.Select(weight => weight.Name));
        Assert.All(expected.Zip(after), pair => Assert.Equal(pair.First.Bytes, pair.Second.Bytes));
        Assert.Equal(expected.Sum(weight => weight.Bytes.Length), new FileInfo(Path.Combine(pruned, "model.onnx.data")).Length); // back to back
    }

    [Theory]
    [InlineData("tiny-llama-fp32")]
    [InlineData("tiny-qwen3-fp32")]
    [InlineData("tiny-llama-int4")]
    public void TheGraphIsTheBuildersGraphOfFewerBlocks(string name)
    {
        // The builder writes all blocks alike: without the last ones, the dense graph's text itself says what any pruned graph must be.
        var package = new BuilderPackage(name);
        string[] last = Describe(Remove(package.Folder, 4, 5)), first = Describe(Remove(package.Folder, 0, 1)), middle = Describe(Remove(package.Folder, 3, 1));
        Assert.Equal(last, middle);
        Assert.Equal(last.Order(StringComparer.Ordinal), first.Order(StringComparer.Ordinal)); // weights all blocks share come where the first block was
        Assert.DoesNotContain(last, line => line.Contains("layers.5", StringComparison.Ordinal) || line.Contains(".4.key", StringComparison.Ordinal));
    }

    [Fact]
    public void TheConfigChangesInTheBlockCountAlone()
    {
        var package = new BuilderPackage("tiny-llama-fp32");
        string pruned = Remove(package.Folder, 1, 3);
        string config = File.ReadAllText(Path.Combine(package.Folder, "genai_config.json"));
        Assert.Equal(config.Replace("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 4"), File.ReadAllText(Path.Combine(pruned, "genai_config.json")));
        Assert.Equal(["genai_config.json", "model.onnx", "model.onnx.data", "sleb.json", "tokenizer.json", "tokenizer_config.json"],
            Directory.GetFileSystemEntries(pruned).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ListsByBlockInTheConfigFollowTheSurvivors()
    {
        string copy = Copy("tiny-llama-fp32", config =>
        {
            config["layer_types"] = new JsonArray("a", "b", "c", "d", "e", "f");
            config["sliding_window"] = JsonNode.Parse("""{ "window_size": 8, "slide_key_value_cache": false, "slide_inputs": false, "layers": [1, 2, 5] }""");
        });
        BlockMap _ = new(DecoderPackage.Open(copy));
        var package = DecoderPackage.Open(copy);
        PrunedGenAIConfig.Write(package, 6, [0, 2, 4, 5], Directory.CreateDirectory(_temporary["config"]).FullName);
        var decoder = JsonNode.Parse(File.ReadAllText(_temporary["config", "genai_config.json"]))!["model"]!["decoder"]!;
        Assert.Equal("""["a","c","e","f"]""", decoder["layer_types"]!.ToJsonString());
        Assert.Equal("[1,3]", decoder["sliding_window"]!["layers"]!.ToJsonString());
        Assert.Equal(4, decoder["num_hidden_layers"]!.GetValue<int>());
    }

    [Fact]
    public void ADraftThatRanAheadOfTheWholeModelIsLeftOutAndSaidSo()
    {
        var package = new BuilderPackage("tiny-llama-fp32");
        string drafted = BuilderPackage.Change(package.Folder, _temporary["drafted"], _ => { });
        string draft = Remove(package.Folder, 0, 2, 3, 5);
        Directory.CreateDirectory(_temporary["drafted", "draft"]);
        foreach (string file in (string[])["model.onnx", "model.onnx.data"]) File.Copy(Path.Combine(draft, file), _temporary["drafted", "draft", file]);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(drafted, "genai_config.json")))!;
        config["model"]!["draft"] = new JsonObject { ["filename"] = "draft/model.onnx", ["head_size"] = 16, ["num_key_value_heads"] = 2, ["num_hidden_layers"] = 2 };
        config["speculative"] = new JsonObject { ["max_draft_tokens"] = 4 };
        File.WriteAllText(Path.Combine(drafted, "genai_config.json"), config.ToJsonString());

        var result = BlockSurgery.Remove(new() { Folder = drafted, RemovedBlocks = [1, 3], OutFolder = _temporary["out"] }, TestContext.Current.CancellationToken);
        Assert.Equal([$"The draft model of {drafted} was left out: it was made to run ahead of all 6 blocks."], result.Notes);
        Assert.Empty(Directory.GetDirectories(result.Folder));
        var pruned = JsonNode.Parse(File.ReadAllText(Path.Combine(result.Folder, "genai_config.json")))!.AsObject();
        Assert.False(pruned.ContainsKey("speculative") || pruned["model"]!.AsObject().ContainsKey("draft"));
        using var model = GenAIModel.Load(result.Folder);
        Assert.Equal(package.Greedy("1_3"), model.Generate(package.Prompt, new() { MaxNewTokens = 24, IgnoreEos = true }, null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void ProvenanceStandsInTheGraphAndBesideIt()
    {
        var package = new BuilderPackage("tiny-llama-int4");
        string pruned = Remove(package.Folder, 3, 1);
        var provenance = Provenance.Read(pruned)!;
        Assert.Equal(("onnx", "cpu", "int4", "llama", 6), (provenance.Artifact, provenance.Target, provenance.Precision, provenance.Family, provenance.Blocks));
        Assert.True(provenance.FusedNorms); // as the builder writes them
        Assert.Equal(FolderFingerprint.Compute(package.Folder), provenance.BaseFingerprint);
        Assert.Equal([3, 1], provenance.RemovedBlocks);
        var metadata = BuilderPackage.Read(pruned).MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value);
        Assert.Equal(("3,1", "0,2,4,5", provenance.BaseFingerprint), (metadata["sleb.removed_blocks"], metadata["sleb.survivors"], metadata["sleb.base_fingerprint"]));

        string again = Remove(pruned, 0); // a pruned folder can be pruned, and says so once
        Assert.Equal([0], Provenance.Read(again)!.RemovedBlocks);
        Assert.Single(BuilderPackage.Read(again).MetadataProps, entry => entry.Key == "sleb.removed_blocks");
        Assert.Equal("int4", Provenance.Read(again)!.Precision);
    }

    [Fact]
    public void TheSameInputGivesTheSameBytesAndAFinishedFolderIsLeftAsItIs()
    {
        var package = new BuilderPackage("tiny-llama-int4");
        string first = Remove(package.Folder, 2), second = Remove(package.Folder, 2);
        foreach (string file in Directory.GetFiles(first)) Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(second, Path.GetFileName(file))));
        var request = new SurgeryRequest { Folder = package.Folder, RemovedBlocks = [2], OutFolder = first };
        Assert.True(BlockSurgery.Remove(request, TestContext.Current.CancellationToken).AlreadyThere);
        File.Delete(Path.Combine(first, "model.onnx.data"));
        Assert.Contains("not empty", Assert.Throws<IOException>(() => BlockSurgery.Remove(request, TestContext.Current.CancellationToken)).Message);
        Assert.False(BlockSurgery.Remove(request with { Overwrite = true }, TestContext.Current.CancellationToken).AlreadyThere);
    }

    [Fact]
    public void AShapeOfTheFirstBlocksKeysBecomesTheFirstSurvivors()
    {
        // As the builder's fp16 mask for the CPU has it.
        var package = new BuilderPackage("tiny-llama-fp32");
        string copy = BuilderPackage.Change(package.Folder, _temporary["shape"], model =>
        {
            model.Graph.Node.Insert(0, new NodeProto { Name = "/model/attn_mask_reformat/past_key_subgraph/Shape", OpType = "Shape", Input = { "past_key_values.0.key" }, Output = { "past_shape" } });
            model.Graph.Output.Add(new ValueInfoProto { Name = "past_shape", Type = new() { TensorType = new() { ElemType = (int)TensorProto.Types.DataType.Int64 } } });
        });
        var opened = DecoderPackage.Open(copy);
        BlockRemoval.Apply(opened, new BlockMap(opened), [2, 3, 4, 5]);
        Assert.Equal(["past_key_values.0.key"], opened.Model.Graph.Node[0].Input);
        Assert.Equal(4, opened.Model.Graph.Input.Count(input => input.Name.EndsWith(".key", StringComparison.Ordinal)));
    }

    public void Dispose() => _temporary.Dispose();

    private string Remove(string folder, params int[] removed)
    {
        string target = _temporary[Guid.NewGuid().ToString()];
        var result = BlockSurgery.Remove(new() { Folder = folder, RemovedBlocks = removed, OutFolder = target }, TestContext.Current.CancellationToken);
        Assert.Equal((target, false), (result.Folder, result.AlreadyThere));
        return target;
    }

    private string Copy(string name, Action<JsonNode> change)
    {
        string copy = BuilderPackage.Change(new BuilderPackage(name).Folder, _temporary["copy"], _ => { });
        string path = Path.Combine(copy, "genai_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        change(config["model"]!["decoder"]!);
        File.WriteAllText(path, config.ToJsonString());
        return copy;
    }

    private static List<(string Name, byte[] Bytes)> Weights(string folder)
    {
        byte[] data = File.ReadAllBytes(Path.Combine(folder, "model.onnx.data"));
        return [.. BuilderPackage.Read(folder).Graph.Initializer.Select(tensor =>
        {
            int Number(string key) => int.Parse(tensor.ExternalData.Single(entry => entry.Key == key).Value, CultureInfo.InvariantCulture);
            return (tensor.Name, data[Number("offset")..(Number("offset") + Number("length"))]);
        })];
    }

    private static int? Layer(string name) => name.Split("layers.") is [_, var rest] ? int.Parse(rest.Split('.')[0], CultureInfo.InvariantCulture) : null;

    /// <summary>Nodes, inputs, outputs and weights (without where they lie), a line each.</summary>
    private static string[] Describe(string folder)
    {
        var graph = BuilderPackage.Read(folder).Graph;
        foreach (var tensor in graph.Initializer) tensor.ExternalData.Clear();
        return [.. graph.Node.Select(node => node.ToString()), .. graph.Input.Concat(graph.Output).Select(value => value.ToString()), .. graph.Initializer.Select(tensor => tensor.ToString())];
    }
}
