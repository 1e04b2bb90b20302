using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Folders with something missing or wrong around the weights.</summary>
public sealed class HostileFolderTests
{
    private const string OneTensor = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    public static TheoryData<string, string[]> Configs => new()
    {
        { "", ["config.json is not valid JSON"] },
        { "{", ["config.json is not valid JSON"] },
        { "[1]", ["config.json is not a JSON object"] },
        { "null", ["config.json is not a JSON object"] },
        { """{"model_type":"llama","model_type":"gpt2"}""", ["config.json is not valid JSON", "model_type"] },
        { """{"model_type":"\ud800"}""", ["config.json holds unreadable text"] },
        { """{"nested":{"deep":["\udc00"]}}""", ["config.json holds unreadable text"] },
        { new string('[', 1000), ["config.json is not valid JSON", "depth"] },
    };

    [Theory]
    [MemberData(nameof(Configs))]
    public void A_broken_config_is_refused(string config, string[] says)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], config);
        File.WriteAllBytes(folder["model.safetensors"], TinyModel.File(OneTensor, 8));
        Says(folder.Path, [folder["config.json"], .. says]);
    }

    [Fact]
    public void A_config_that_is_not_UTF8_or_far_too_long_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["model.safetensors"], TinyModel.File(OneTensor, 8));
        File.WriteAllBytes(folder["config.json"], [.. "{\"a\":\""u8, 0xFF, .. "\"}"u8]);
        Says(folder.Path, ["config.json is not UTF-8 text"]);
        using (var file = File.OpenWrite(folder["config.json"])) file.SetLength(3L << 30); // sparse
        long before = GC.GetAllocatedBytesForCurrentThread();
        Says(folder.Path, ["config.json is 3221225472 bytes long", "67108864"]);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        using var folder = new TemporaryFolder();
        Says(folder["none"], ["The model folder", "none does not exist"]);
        Says(folder.Path, ["holds no config.json"]);
        File.WriteAllText(folder["config.json"], TinyModel.Config);
        Says(folder.Path, ["holds neither model.safetensors nor model.safetensors.index.json"]);
        File.WriteAllText(folder["model.safetensors.index.json"], """{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}""");
        Says(folder.Path, ["lacks the shard one.safetensors that model.safetensors.index.json names"]);
        File.WriteAllBytes(folder["one.safetensors"], TinyModel.File(OneTensor, 8));
        Says(folder.Path, ["lacks the shard two.safetensors"]);
        File.WriteAllBytes(folder["two.safetensors"], TinyModel.File(OneTensor.Replace("\"a\"", "\"c\"", StringComparison.Ordinal), 8));
        Says(folder.Path, ["model.safetensors.index.json places tensor 'b' in two.safetensors, which does not hold it"]);
        File.WriteAllBytes(folder["two.safetensors"], TinyModel.File(OneTensor, 8));
        Says(folder.Path, ["two.safetensors holds tensor 'a', which", "one.safetensors holds too"]);
    }

    [Fact]
    public void An_index_that_swaps_two_shards_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], TinyModel.Config);
        File.WriteAllText(folder["model.safetensors.index.json"], """{"weight_map":{"a":"two.safetensors","b":"one.safetensors"}}""");
        File.WriteAllBytes(folder["one.safetensors"], TinyModel.File(OneTensor, 8));
        File.WriteAllBytes(folder["two.safetensors"], TinyModel.File(OneTensor.Replace("\"a\"", "\"b\"", StringComparison.Ordinal), 8));
        Says(folder.Path, ["places tensor 'a' in two.safetensors, which does not hold it"]);
    }

    [Theory]
    [InlineData("{", "is not valid JSON")]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("{}", "needs an object 'weight_map'")]
    [InlineData("""{"weight_map":[]}""", "needs an object 'weight_map'")]
    [InlineData("""{"weight_map":{}}""", "needs an object 'weight_map'")]
    [InlineData("""{"weight_map":{"a":null}}""", "gives tensor 'a' the file null")]
    [InlineData("""{"weight_map":{"a":7}}""", "gives tensor 'a' the file 7")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}""", "is not valid JSON")]
    [InlineData("""{"weight_map":{"a":"../one.safetensors"}}""", "names the file '../one.safetensors', which is not a .safetensors file in the folder itself")]
    [InlineData("""{"weight_map":{"a":"/etc/one.safetensors"}}""", "names the file '/etc/one.safetensors'")]
    [InlineData("""{"weight_map":{"a":"sub/one.safetensors"}}""", "names the file 'sub/one.safetensors'")]
    [InlineData("""{"weight_map":{"a":"sub\\one.safetensors"}}""", "names the file 'sub\\one.safetensors'")]
    [InlineData("""{"weight_map":{"a":".."}}""", "names the file '..'")]
    [InlineData("""{"weight_map":{"a":""}}""", "names the file ''")]
    [InlineData("""{"weight_map":{"a":"config.json"}}""", "names the file 'config.json'")]
    [InlineData("""{"weight_map":{"a":"\u0000.safetensors"}}""", "lacks the shard ?.safetensors")]
    public void A_bad_index_is_refused(string index, string says)
    {
        using var outer = new TemporaryFolder();
        string folder = Directory.CreateDirectory(outer["model"]).FullName;
        File.WriteAllBytes(outer["one.safetensors"], TinyModel.File(OneTensor, 8)); // a path out of the folder would find this
        File.WriteAllText(Path.Combine(folder, "config.json"), TinyModel.Config);
        string path = Path.Combine(folder, "model.safetensors.index.json");
        File.WriteAllText(path, index);
        Says(folder, [says]);
    }

    [Theory]
    [InlineData(4, 6, "has num_hidden_layers 6, but the checkpoint holds blocks 0-3.")]
    [InlineData(4, 3, "has num_hidden_layers 3, but the checkpoint holds blocks 0-3.")]
    [InlineData(1, 2, "has num_hidden_layers 2, but the checkpoint holds blocks 0.")]
    public void Blocks_must_be_those_the_config_announces(int blocks, int announced, string says)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder.Path, blocks);
        string config = File.ReadAllText(folder["config.json"]).Replace($"\"num_hidden_layers\": {blocks}", $"\"num_hidden_layers\": {announced}", StringComparison.Ordinal);
        File.WriteAllText(folder["config.json"], config);
        using var checkpoint = Checkpoint.Open(folder.Path); // a look at the files stays possible
        string message = Assert.Throws<CheckpointException>(checkpoint.RequireFamily).Message;
        Assert.Equal($"{folder["config.json"]} {says} Give the folder of the original model, or a plan made for it.", message);
    }

    [Theory]
    [InlineData("model.layers.0.a,model.layers.1.a,model.layers.3.a", 3, "holds blocks 0-1, 3.")]
    [InlineData("model.layers.1.a,model.layers.2.a,model.layers.3.a", 3, "holds blocks 1-3.")]
    [InlineData("transformer.h.0.a", 1, "holds no tensor named model.layers.0")]
    [InlineData("model.layers.0.a,model.layers.01.a", 2, "tensor 'model.layers.01.a', which has no block number")]
    [InlineData("model.layers.zero.a", 1, "tensor 'model.layers.zero.a', which has no block number")]
    [InlineData("model.layers.0", 1, "tensor 'model.layers.0', which has no block number")]
    [InlineData("model.layers.-1.a", 1, "tensor 'model.layers.-1.a', which has no block number")]
    [InlineData("model.layers.99999999999.a", 1, "tensor 'model.layers.99999999999.a', which has no block number")]
    [InlineData("model.layers.0.a,model.layers.2.a,model.layers.4.a,model.layers.6.a,model.layers.8.a,model.layers.10.a,model.layers.12.a,model.layers.14.a,model.layers.16.a", 9, "holds blocks 0, 2, 4, 6, 8, 10, 12, 14, ….")]
    public void Block_numbers_must_be_complete(string names, int announced, string says)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], $$"""{"model_type":"llama","num_hidden_layers":{{announced}}}""");
        SafetensorsWriter.Write(folder["model.safetensors"], names.Split(',').Select(name => new SafetensorsWriter.Tensor(name, TensorType.F32, [1])),
            (_, _, bytes) => bytes.Clear(), TestContext.Current.CancellationToken);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Contains(says, Assert.Throws<CheckpointException>(checkpoint.RequireFamily).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unsupported_family_opens_for_a_look_and_is_refused_with_the_supported_ones()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], """{"model_type":"mamba","num_hidden_layers":1}""");
        File.WriteAllBytes(folder["model.safetensors"], TinyModel.File(OneTensor, 8));
        using var checkpoint = Checkpoint.Open(folder.Path);
        string message = Assert.Throws<CheckpointException>(checkpoint.RequireFamily).Message;
        Assert.Contains("model_type 'mamba', which is not supported; supported are llama, mistral", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_is_missing_or_of_another_shape_is_named_with_found_and_expected()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = Checkpoint.Open(TinyModel.Write(folder.Path));
        Assert.Same(checkpoint.Tensors["model.norm.weight"], checkpoint.Find("model.norm.weight", 4));
        Assert.Contains("tensor 'model.embed_tokens.weight' with shape [6, 4], but config.json asks for [7, 4]",
            Assert.Throws<CheckpointException>(() => checkpoint.Find("model.embed_tokens.weight", 7, 4)).Message, StringComparison.Ordinal);
        Assert.Contains("no tensor 'lm_head.weight' (shape [6, 4] by its config.json)",
            Assert.Throws<CheckpointException>(() => checkpoint.Find("lm_head.weight", 6, 4)).Message, StringComparison.Ordinal);
    }

    private static void Says(string folder, string[] parts)
    {
        string message = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder)).Message;
        Assert.EndsWith(".", message);
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
