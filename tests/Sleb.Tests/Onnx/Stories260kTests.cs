using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>A really trained model, with heads of 8 dimensions: too small for the attention kernel's own rotation.</summary>
public class Stories260kTests
{
    [Fact]
    public void GreedyIdsAreThoseOfTheOriginalProgram()
    {
        string folder = TestFiles.Shared("models", "stories260k");
        var expected = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "expected_greedy.json")))!;
        int[] ids = ConformanceFolder.Ints(expected["greedy_ids"]!), prompt = ConformanceFolder.Ints(expected["prompt"]!);
        using var checkpoint = Checkpoint.Open(folder);
        using var temporary = new TemporaryFolder();
        OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = temporary["out"] }, TestContext.Current.CancellationToken);
        using var model = GenAIModel.Load(temporary["out"]);
        var options = new GenerationOptions { MaxNewTokens = ids.Length - prompt.Length };
        Assert.Equal(ids[prompt.Length..], model.Generate(prompt, options, null, TestContext.Current.CancellationToken));
    }
}
