using System.Text.Json.Nodes;

namespace Sleb.Tests.Onnx;

/// <summary>The embedded model through its emitted folder: transformers' greedy continuations.</summary>
public class TinyNovelsTests
{
    [Fact]
    public void GreedyContinuationsAreThoseOfTransformers()
    {
        const int end = 0;
        var greedy = (JsonObject)JsonNode.Parse(File.ReadAllBytes(TestFiles.Data("tiny-novels.json")))!["greedy"]!;
        using var exported = Exported.Of(TestFiles.TinyNovels);
        Assert.Equal([end], exported.Model.EosTokenIds);
        Assert.Equal(3, greedy.Count);
        foreach (var (_, expected) in greedy)
        {
            int[] ids = ConformanceFolder.Ints(expected!["ids"]!);
            var found = exported.Model.Generate(ConformanceFolder.Ints(expected["prompt_ids"]!), new() { MaxNewTokens = 40 }, null, TestContext.Current.CancellationToken);
            Assert.Equal(ids.TakeWhile(id => id != end), found);
        }
    }
}
