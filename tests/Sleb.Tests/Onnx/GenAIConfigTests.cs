using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.GenAI;

namespace Sleb.Tests.Onnx;

/// <summary>genai_config.json is read by a strict parser, and by people who compare it with what GenAI's builder writes.</summary>
public class GenAIConfigTests
{
    [Fact]
    public void ItIsWhatTheBuilderWrites()
    {
        string reference = TestFiles.Shared("reference", "genai-builder", "tiny-llama-fp32");
        using var exported = Exported.Of(Path.Combine(reference, "hf"));
        var expected = Read(reference);
        expected["model"]!["pad_token_id"] = -1; // the builder's pad id misreads prompts that end in it
        Assert.True(JsonNode.DeepEquals(expected, Read(exported.Folder)), Read(exported.Folder).ToJsonString());
    }

    [Fact]
    public void ItHasNoByteOrderMarkNoEscapesAndNoNulls()
    {
        using var exported = Exported.Changed(TestFiles.Data("conformance", "llama"), copy => copy.Config.Remove("bos_token_id"));
        byte[] bytes = File.ReadAllBytes(Path.Combine(exported.Folder, "genai_config.json"));
        Assert.Equal((byte)'{', bytes[0]);
        string text = System.Text.Encoding.UTF8.GetString(bytes);
        Assert.DoesNotContain("\\u", text);
        Assert.DoesNotContain("null", text);
        Assert.DoesNotContain("bos_token_id", text);
        Assert.DoesNotContain('\r', text);
    }

    [Theory]
    [InlineData("2", "2")]
    [InlineData("[2, 7]", "[2,7]")]
    [InlineData("[2, 500]", "2")] // an id outside the vocabulary cannot come, and GenAI refuses it
    [InlineData("null", null)]
    public void EndOfSequenceIdsAreThoseOfTheCheckpoint(string setting, string? expected)
    {
        using var exported = Exported.Changed(TestFiles.Data("conformance", "llama"), copy => copy.Config["eos_token_id"] = JsonNode.Parse(setting));
        Assert.Equal(expected, Read(exported.Folder)["model"]!["eos_token_id"]?.ToJsonString());
        Assert.Equal(expected is null ? null : GenAIConfig.NoPadToken, Read(exported.Folder)["model"]!["pad_token_id"]?.GetValue<int>());

        int[][] prompts = [[180, 33, 57], [5, 6]];
        var ours = exported.Model.GenerateBatch(prompts, new() { MaxNewTokens = 100, IgnoreEos = expected is not null }, TestContext.Current.CancellationToken);
        using var plain = new Microsoft.ML.OnnxRuntimeGenAI.Model(exported.Folder);
        foreach (var (prompt, continued) in prompts.Zip(ours))
        {
            using var parameters = new Microsoft.ML.OnnxRuntimeGenAI.GeneratorParams(plain);
            parameters.SetSearchOption("max_length", prompt.Length + 100);
            using var generator = new Microsoft.ML.OnnxRuntimeGenAI.Generator(plain, parameters);
            generator.AppendTokens(prompt);
            while (!generator.IsDone()) generator.GenerateNextToken();
            int[] theirs = generator.GetSequence(0).ToArray()[prompt.Length..];
            Assert.Equal(100, continued.Count);
            Assert.Equal(continued.Take(theirs.Length), theirs);
            if (theirs.Length < 100) Assert.Contains(continued[theirs.Length], expected is null ? [0] : exported.Model.EosTokenIds);
        }
    }

    [Fact]
    public void PositionsAreNamedWhereTheGraphReadsThem()
    {
        using var exported = Exported.Of(TestFiles.Shared("models", "stories260k"), 2);
        var decoder = Read(exported.Folder)["model"]!["decoder"]!;
        Assert.Equal("position_ids", decoder["inputs"]!["position_ids"]!.GetValue<string>());
        Assert.Equal(4, decoder["num_hidden_layers"]!.GetValue<int>());
        Assert.Contains(exported.Graph.Graph.Input, input => input.Name == "position_ids");
    }

    [Fact]
    public void TokenizerFilesComeAlong()
    {
        using var exported = Exported.Of(TestFiles.TinyNovels, 5);
        foreach (string name in (string[])["tokenizer.json", "tokenizer_config.json", "generation_config.json"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(TestFiles.TinyNovels, name)), File.ReadAllBytes(Path.Combine(exported.Folder, name)));
        Assert.False(File.Exists(Path.Combine(exported.Folder, "calibration.txt")));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"model\": {\"context_length\": 1.5, \"vocab_size\": 3, \"decoder\": {}}}")]
    [InlineData("{\"model\": 3")]
    public void ADamagedFileIsNamed(string text)
    {
        using var temporary = new TemporaryFolder();
        File.WriteAllText(temporary["genai_config.json"], text);
        Assert.Contains("genai_config.json is damaged", Assert.Throws<CheckpointException>(() => GenAIConfig.Read(temporary.Path)).Message);
    }

    private static JsonNode Read(string folder) => JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "genai_config.json")))!;
}
