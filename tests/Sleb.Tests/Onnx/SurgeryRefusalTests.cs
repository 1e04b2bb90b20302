using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Protos;
using Sleb.Onnx.Surgery;

namespace Sleb.Tests.Onnx;

/// <summary>A damaged package, or one of a form that is not known, is refused in one sentence that names what is wrong; nothing is written.</summary>
public sealed class SurgeryRefusalTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();
    private readonly string _builders = new BuilderPackage("tiny-llama-fp32").Folder;

    [Theory]
    [InlineData("model.onnx", -1, "model.onnx, which is not there")]
    [InlineData("model.onnx", 0, "holds no graph (0 bytes)")]
    [InlineData("model.onnx", 20_000, "is cut off or damaged")]
    [InlineData("model.onnx.data", -1, "model.onnx.data, which is not there")]
    [InlineData("model.onnx.data", 822_527, "'lm_head.MatMul.weight' needs bytes 756992 to 822528")]
    [InlineData("genai_config.json", -1, "holds no genai_config.json")]
    [InlineData("genai_config.json", 700, "is damaged")]
    public void AMissingOrShortFileIsNamed(string file, int length, string reason)
    {
        string copy = BuilderPackage.Change(_builders, _temporary["copy"], _ => { });
        string path = Path.Combine(copy, file);
        byte[] bytes = File.ReadAllBytes(Path.Combine(_builders, file));
        File.Delete(path);
        if (length >= 0) File.WriteAllBytes(path, bytes[..length]);
        AssertRefused(copy, reason);
    }

    [Theory]
    [InlineData("num_hidden_layers", "8", "num_hidden_layers 8, but model.onnx holds blocks 0-5")]
    [InlineData("filename", "null", "needs model.decoder.filename")]
    [InlineData("filename", "\"../model.onnx\"", "needs model.decoder.filename")]
    [InlineData("filename", "\"other.onnx\"", "other.onnx, which is not there")]
    [InlineData("inputs", """{ "past_key_names": "past" }""", "past_key_names 'past'")]
    [InlineData("inputs", """{ "past_key_names": "kv.%d", "past_value_names": "v.%d" }""", "no input that is named like a KV cache")]
    [InlineData("inputs", """{ "input_ids": "ids" }""", "has no input 'ids'")]
    [InlineData("outputs", """{ "logits": "scores" }""", "has no output 'scores'")]
    [InlineData("pipeline", "[]", "has model.decoder.pipeline")]
    [InlineData("layer_types", """["full_attention"]""", "layer_types")]
    [InlineData("head_size", "24", "does not")]
    public void AConfigThatDoesNotFitTheGraphIsNamed(string key, string value, string reason)
    {
        string copy = BuilderPackage.Change(_builders, _temporary["copy"], _ => { });
        string path = Path.Combine(copy, "genai_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config["model"]!["decoder"]![key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        AssertRefused(copy, reason);
    }

    public static TheoryData<string, string> UnknownForms => new()
    {
        { "a node between two blocks without a path", "'between' (Identity)" },
        { "a second state beside the hidden one", "passes from block 1 to block 2" },
        { "the embedding read behind the blocks", "passes from block 0 to block 1" },
        { "a bias in the sum", "'/model/layers.3/input_layernorm/SkipLayerNorm'" },
        { "a norm that adds the other way round", "" },
        { "a cache read by another block", "'past_key_values.1.key', the cache of another block" },
        { "a block without its cache", "does not write the KV cache of block 4" },
        { "a gap in the caches", "KV caches up to number 7" },
        { "a path past the last block", "'/model/layers.9/mlp/down_proj/MatMul'" },
        { "a value written twice", "twice" },
        { "weights elsewhere", "lies in '../model.onnx.data'" },
        { "weights without a length", "does not say where" },
        { "a weight of a removed block read by another", "'model.layers.1.mlp.up_proj.MatMul.weight'" },
    };

    [Theory, MemberData(nameof(UnknownForms))]
    public void AnUnknownFormOfGraphIsNamed(string form, string reason)
    {
        string copy = BuilderPackage.Change(_builders, _temporary["copy"], model => Deform(form, model.Graph));
        if (reason != "") AssertRefused(copy, reason);
        else BlockSurgery.Remove(new() { Folder = copy, RemovedBlocks = [1], OutFolder = _temporary["out"] }, TestContext.Current.CancellationToken); // a sum is a sum
    }

    [Fact]
    public void AGraphCutAnywhereIsRefusedOrStillWhole()
    {
        byte[] graph = File.ReadAllBytes(Path.Combine(_builders, "model.onnx"));
        string copy = BuilderPackage.Change(_builders, _temporary["copy"], _ => { });
        for (int length = 0; length < graph.Length; length += 211)
        {
            File.WriteAllBytes(Path.Combine(copy, "model.onnx"), graph[..length]);
            Assert.Throws<CheckpointException>(() => new BlockMap(DecoderPackage.Open(copy)));
        }
        var random = new Random(7);
        for (int i = 0; i < 300; i++)
        {
            byte[] flipped = [.. graph];
            for (int flips = random.Next(1, 6); flips > 0; flips--) flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(Path.Combine(copy, "model.onnx"), flipped);
            try
            {
                var package = DecoderPackage.Open(copy);
                BlockRemoval.Apply(package, new BlockMap(package), [0, 3, 4]);
            }
            catch (CheckpointException)
            {
            }
        }
    }

    [Fact]
    public void BlocksThatAreNotThereAndTheFolderItselfAreRefused()
    {
        Assert.Contains("blocks 0 to 5", Assert.Throws<ArgumentException>(() => Remove(_builders, 6)).Message);
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => Remove(_builders, 1, 1)).Message);
        string copy = BuilderPackage.Change(_builders, _temporary["copy"], _ => { });
        Assert.Contains("folder of the model itself", Assert.Throws<IOException>(() =>
            BlockSurgery.Remove(new() { Folder = copy, RemovedBlocks = [1], OutFolder = copy, Overwrite = true })).Message);
        Assert.True(File.Exists(Path.Combine(copy, "model.onnx")));
    }

    public void Dispose() => _temporary.Dispose();

    private void Remove(string folder, params int[] removed) =>
        BlockSurgery.Remove(new() { Folder = folder, RemovedBlocks = removed, OutFolder = _temporary["out"] }, TestContext.Current.CancellationToken);

    private void AssertRefused(string folder, string reason)
    {
        string message = Assert.Throws<CheckpointException>(() => Remove(folder, 1, 3)).Message;
        Assert.Contains(reason, message);
        Assert.DoesNotContain('\n', message);
        TestContext.Current.TestOutputHelper!.WriteLine(message);
        Assert.Equal(["copy"], Directory.GetFileSystemEntries(_temporary.Path).Select(Path.GetFileName));
    }

    private static void Deform(string form, GraphProto graph)
    {
        NodeProto Node(string name) => graph.Node.Single(node => node.Name == name);
        const string embedding = "/model/embed_tokens/Gather/output_0";
        switch (form)
        {
            case "a node between two blocks without a path":
                graph.Node.Insert(graph.Node.IndexOf(Node("/model/layers.3/input_layernorm/SkipLayerNorm")),
                    new NodeProto { Name = "between", OpType = "Identity", Input = { "/model/layers.2/mlp/down_proj/MatMul/output_0" }, Output = { "between" } });
                Node("/model/layers.3/input_layernorm/SkipLayerNorm").Input[1] = "between";
                break;
            case "a second state beside the hidden one":
                Node("/model/layers.2/mlp/up_proj/MatMul").Input[0] = "/model/layers.1/post_attention_layernorm/output_0";
                break;
            case "the embedding read behind the blocks":
                Node("/model/layers.6/final_norm_layernorm/SkipLayerNorm").Input[0] = embedding;
                break;
            case "a bias in the sum":
                Node("/model/layers.3/input_layernorm/SkipLayerNorm").Input.Add("model.layers.2.input_layernorm.weight");
                break;
            case "a norm that adds the other way round":
                var norm = Node("/model/layers.3/input_layernorm/SkipLayerNorm");
                (norm.Input[0], norm.Input[1]) = (norm.Input[1], norm.Input[0]);
                break;
            case "a cache read by another block":
                Node("/model/layers.2/attn/GroupQueryAttention").Input[3] = "past_key_values.1.key";
                break;
            case "a block without its cache":
                foreach (string kind in (string[])["key", "value"]) graph.Output.Remove(graph.Output.Single(output => output.Name == $"present.4.{kind}"));
                break;
            case "a gap in the caches":
                foreach (var input in graph.Input.Where(input => input.Name.StartsWith("past_key_values.5", StringComparison.Ordinal))) input.Name = input.Name.Replace('5', '7');
                break;
            case "a path past the last block":
                Node("/model/layers.5/mlp/down_proj/MatMul").Name = "/model/layers.9/mlp/down_proj/MatMul";
                break;
            case "a value written twice":
                Node("/model/layers.5/mlp/down_proj/MatMul").Output[0] = "/model/layers.5/mlp/Mul/output_0";
                break;
            case "weights elsewhere":
                graph.Initializer[3].ExternalData.Single(entry => entry.Key == "location").Value = "../model.onnx.data";
                break;
            case "weights without a length":
                graph.Initializer[3].ExternalData.Remove(graph.Initializer[3].ExternalData.Single(entry => entry.Key == "length"));
                break;
            case "a weight of a removed block read by another":
                Node("/model/layers.2/mlp/up_proj/MatMul").Input[1] = "model.layers.1.mlp.up_proj.MatMul.weight";
                break;
            default:
                throw new ArgumentException(form);
        }
    }
}
