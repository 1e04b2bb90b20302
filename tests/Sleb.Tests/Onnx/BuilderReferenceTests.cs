using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>Does our folder say what the official builder's folder says, made from the same checkpoint?</summary>
public class BuilderReferenceTests
{
    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("2")]
    [InlineData("5")]
    [InlineData("1_3")]
    public void LogitsAndGreedyIdsAreThoseOfTheBuildersFolder(string without)
    {
        string reference = TestFiles.Shared("reference", "genai-builder", "tiny-llama-fp32");
        var expected = JsonNode.Parse(File.ReadAllBytes(Path.Combine(reference, "expected.json")))!;
        var logits = ConformanceFolder.ReadTensors(Path.Combine(reference, "expected.safetensors"))[without == "" ? "logits" : "logits.without." + without];
        int[] prompt = ConformanceFolder.Ints(expected["prompt_ids"]!);
        using var exported = Exported.Of(Path.Combine(reference, "hf"), without == "" ? [] : Array.ConvertAll(without.Split('_'), int.Parse));
        double difference = EmitConformanceTests.MaxDifference(
            MemoryMarshal.Cast<byte, float>(logits.Data).ToArray(), exported.Model.Logits(prompt, TestContext.Current.CancellationToken));
        TestContext.Current.TestOutputHelper!.WriteLine($"{difference:g3}");
        Assert.InRange(difference, 0, 2e-4);
        int[] greedy = ConformanceFolder.Ints((without == "" ? expected : expected["without"]![without])!["greedy_ids"]!);
        Assert.Equal(greedy, exported.Model.Generate(prompt, new() { MaxNewTokens = 24, IgnoreEos = true }, null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void TheBuildersOwnFolderRunsToo()
    {
        string reference = TestFiles.Shared("reference", "genai-builder", "tiny-llama-fp32");
        var expected = JsonNode.Parse(File.ReadAllBytes(Path.Combine(reference, "expected.json")))!;
        using var model = GenAIModel.Load(reference);
        Assert.Equal((256, 256), (model.ContextLength, model.VocabSize));
        Assert.Equal(ConformanceFolder.Ints(expected["greedy_ids"]!),
            model.Generate(ConformanceFolder.Ints(expected["prompt_ids"]!), new() { MaxNewTokens = 24, IgnoreEos = true }, null, TestContext.Current.CancellationToken));
    }
}
