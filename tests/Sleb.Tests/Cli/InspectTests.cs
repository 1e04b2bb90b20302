using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>Does a person learn from a folder what it is, also where it cannot be pruned?</summary>
public class InspectTests
{
    private const string Keys = "family blocks parameters hiddenSize vocabularySize contextLength bytes supported reasons";

    [Fact]
    public void A_supported_model_is_described()
    {
        var call = SlebCli.Run("inspect", TestFiles.TinyNovels, "--json");
        Assert.Equal(Keys, string.Join(' ', call.Keys));
        Assert.Equal("llama", call.Json.GetProperty("family").GetString());
        Assert.Equal(12, call.Json.GetProperty("blocks").GetInt32());
        Assert.Equal(5_116_608, call.Json.GetProperty("parameters").GetInt64());
        Assert.Equal(192, call.Json.GetProperty("hiddenSize").GetInt32());
        Assert.Equal(2048, call.Json.GetProperty("vocabularySize").GetInt32());
        Assert.Equal(1024, call.Json.GetProperty("contextLength").GetInt32());
        Assert.Equal(2 * 5_116_608, call.Json.GetProperty("bytes").GetInt64());
        Assert.True(call.Json.GetProperty("supported").GetBoolean());
        Assert.Empty(call.Json.GetProperty("reasons").EnumerateArray());
        Assert.Contains("Parameters  5,116,608", CliResult.Lines(SlebCli.Run("inspect", TestFiles.TinyNovels).Out));
    }

    [Theory]
    [MemberData(nameof(ConformanceFolder.Names), MemberType = typeof(ConformanceFolder))]
    public void Every_conformance_folder_is_supported(string name) =>
        Assert.True(SlebCli.Run("inspect", ConformanceFolder.Find(name), "--json").Json.GetProperty("supported").GetBoolean());

    [Fact]
    public void A_model_type_that_is_not_supported_is_described_all_the_same()
    {
        using var folder = CopyOf("llama");
        File.WriteAllText(folder["config.json"], """{ "model_type": "mamba", "n_layer": 5, "n_embd": 64, "vocab_size": 199 }""");
        var call = SlebCli.Run("inspect", folder.Path, "--json");
        Assert.Equal(Keys, string.Join(' ', call.Keys));
        Assert.Equal("mamba", call.Json.GetProperty("family").GetString());
        Assert.Equal(5, call.Json.GetProperty("blocks").GetInt32());
        Assert.Equal(JsonValueKind.Null, call.Json.GetProperty("contextLength").ValueKind);
        Assert.False(call.Json.GetProperty("supported").GetBoolean());
        Assert.Contains("'mamba'", call.Json.GetProperty("reasons").EnumerateArray().Single().GetString());
    }

    [Fact]
    public void Tensors_that_do_not_fit_the_config_are_reasons_one_each()
    {
        using var folder = CopyOf("llama");
        string config = File.ReadAllText(folder["config.json"]);
        File.WriteAllText(folder["config.json"], config.Replace("\"vocab_size\": 199", "\"vocab_size\": 200").Replace("\"num_hidden_layers\": 5", "\"num_hidden_layers\": 6"));
        var call = SlebCli.Run("inspect", folder.Path, "--json");
        Assert.False(call.Json.GetProperty("supported").GetBoolean());
        var reasons = call.Json.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()!).ToList();
        Assert.Contains(reasons, reason => reason.Contains("'model.embed_tokens.weight' with shape [199, 64]") && reason.Contains("[200, 64]"));
        Assert.Contains(reasons, reason => reason.Contains("num_hidden_layers 6, but the checkpoint holds blocks 0-4"));
        Assert.Equal(2, reasons.Count);
    }

    [Fact]
    public void A_damaged_file_of_a_supported_model_is_a_failure()
    {
        using var folder = CopyOf("llama");
        using (var file = File.OpenWrite(folder["model.safetensors"])) file.SetLength(1000);
        SlebCli.Run("inspect", folder.Path, "--json").AssertFailed("model.safetensors", "truncated");
    }

    [Theory]
    [InlineData("model.onnx.data", -1, "model.onnx.data, which is not there")]
    [InlineData("model.onnx.data", 1000, "is 1000 bytes long, but")]
    [InlineData("model.onnx", 20_000, "is cut off or damaged")]
    public void A_builders_folder_that_is_not_whole_is_not_supported(string file, int length, string reason)
    {
        using var folder = new TemporaryFolder();
        string whole = TestFiles.Shared("reference", "genai-builder", "tiny-llama-fp32");
        foreach (string path in Directory.GetFiles(whole)) File.Copy(path, folder[Path.GetFileName(path)]);
        Assert.True(SlebCli.Run("inspect", folder.Path, "--json").Json.GetProperty("supported").GetBoolean());
        byte[] bytes = File.ReadAllBytes(folder[file]);
        File.Delete(folder[file]);
        if (length >= 0) File.WriteAllBytes(folder[file], bytes[..length]);
        var call = SlebCli.Run("inspect", folder.Path, "--json");
        Assert.Equal(6, call.Json.GetProperty("blocks").GetInt32());
        Assert.False(call.Json.GetProperty("supported").GetBoolean());
        Assert.Contains(reason, call.Json.GetProperty("reasons").EnumerateArray().Single().GetString());
        SlebCli.Run("export", folder.Path, "--remove-blocks", "1", "--out", folder["out"]).AssertFailed(reason);
    }

    [Fact]
    public void A_folder_without_a_model_is_a_failure()
    {
        using var folder = new TemporaryFolder();
        SlebCli.Run("inspect", folder.Path).AssertFailed("holds no config.json");
        File.Copy(Path.Combine(TestFiles.TinyNovels, "config.json"), folder["config.json"]);
        SlebCli.Run("inspect", folder.Path).AssertFailed("model.safetensors");
        SlebCli.Run("inspect", folder["config.json"]).AssertFailed("is a file; give the folder that holds it.");
    }

    internal static TemporaryFolder CopyOf(string conformance)
    {
        var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(TestFiles.Data("conformance", conformance))) File.Copy(file, folder[Path.GetFileName(file)]);
        return folder;
    }
}
