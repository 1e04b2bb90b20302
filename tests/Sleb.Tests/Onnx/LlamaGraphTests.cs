using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Onnx;

/// <summary>What the conformance folders do not show of the Llama and Mistral graphs.</summary>
public class LlamaGraphTests
{
    private static string Llama => TestFiles.Data("conformance", "llama");

    private static string Untied => TestFiles.Data("conformance", "llama-linear-rope");

    [Fact]
    public void ATiedHeadIsStoredOnce()
    {
        using var exported = Exported.Of(Llama);
        long elements = Sum(exported, _ => true);
        using var checkpoint = Checkpoint.Open(Llama);
        Assert.Equal(checkpoint.Parameters, elements - Sum(exported, name => name is "cos_cache" or "sin_cache"));
        long data = new FileInfo(Path.Combine(exported.Folder, "model.onnx.data")).Length;
        Assert.InRange(data, elements * 4, elements * 4 + 64 * exported.Graph.Graph.Initializer.Count);
    }

    [Fact]
    public void ATiedModelWithAHeadOfItsOwnUsesIt()
    {
        int[] ids = [5, 17, 3];
        using var tied = Exported.Of(Llama);
        using var copied = Exported.Changed(Llama, copy => copy.Tensors["lm_head.weight"] = copy.Tensors["model.embed_tokens.weight"]);
        using var own = Exported.Changed(Llama, copy =>
        {
            var (shape, values) = copy.Tensors["model.embed_tokens.weight"];
            copy.Tensors["lm_head.weight"] = (shape, Array.ConvertAll(values, value => 2 * value));
        });
        float[] logits = tied.Model.Logits(ids, TestContext.Current.CancellationToken);
        Assert.Equal(0, EmitConformanceTests.MaxDifference(logits, copied.Model.Logits(ids, TestContext.Current.CancellationToken)));
        Assert.Equal(0, EmitConformanceTests.MaxDifference(Array.ConvertAll(logits, logit => 2 * logit), own.Model.Logits(ids, TestContext.Current.CancellationToken)), 1e-5);
        Assert.DoesNotContain(copied.Graph.Graph.Initializer, tensor => tensor.Name.StartsWith("lm_head", StringComparison.Ordinal));
    }

    [Fact]
    public void AnUntiedModelWithoutAHeadIsRefused()
    {
        var refusal = Assert.Throws<CheckpointException>(() => Exported.Changed(Untied, copy => copy.Tensors.Remove("lm_head.weight")).Dispose());
        Assert.Contains("'lm_head.weight'", refusal.Message);
    }

    [Theory]
    [InlineData("absent", 4096)]
    [InlineData("null", -1)]
    [InlineData("6", 6)]
    public void MistralsWindowAbsentIs4096AndNullIsNone(string setting, int expected)
    {
        using var exported = Exported.Changed(TestFiles.Data("conformance", "mistral"), copy =>
        {
            copy.Config.Remove("sliding_window");
            if (setting != "absent") copy.Config["sliding_window"] = setting == "null" ? null : int.Parse(setting, System.Globalization.CultureInfo.InvariantCulture);
        });
        Assert.All(Windows(exported), window => Assert.Equal(expected, window));
    }

    [Fact]
    public void LlamaHasNoWindow()
    {
        using var exported = Exported.Changed(Llama, copy => copy.Config["sliding_window"] = 6);
        Assert.All(Windows(exported), window => Assert.Equal(-1, window));
    }

    [Fact]
    public void NamesCountSurvivorsWithoutGaps()
    {
        using var exported = Exported.Of(Llama, 0, 3);
        var graph = exported.Graph.Graph;
        string[] caches = ["past_key_values.0.key", "past_key_values.1.key", "past_key_values.2.key", "past_key_values.0.value", "past_key_values.1.value", "past_key_values.2.value"];
        Assert.Equal(["input_ids", "attention_mask", .. caches], graph.Input.Select(input => input.Name));
        Assert.Equal(["logits", .. caches.Select(name => name.Replace("past_key_values", "present"))], graph.Output.Select(output => output.Name));
        Assert.Empty(graph.ValueInfo);
        Assert.DoesNotContain(graph.Node, node => node.Name.Contains("/layers.3/"));
        Assert.Equal(graph.Node.Count, graph.Node.Select(node => node.Name).Distinct().Count());
    }

    [Fact]
    public void HeadsThatAreNotAMultipleOf8AreRefused()
    {
        var refusal = Assert.Throws<CheckpointException>(() => Exported.Changed(Llama, copy => copy.Config["head_dim"] = 12).Dispose());
        Assert.Contains("heads of 12 dimensions", refusal.Message);
    }

    [Fact]
    public void AnUnknownActivationIsRefused()
    {
        var refusal = Assert.Throws<CheckpointException>(() => Exported.Changed(Llama, copy => copy.Config["hidden_act"] = "gelu").Dispose());
        Assert.Contains("hidden_act 'gelu'", refusal.Message);
    }

    private static long Sum(Exported exported, Func<string, bool> where) => exported.Graph.Graph.Initializer
        .Where(tensor => tensor.ExternalData.Count > 0 && where(tensor.Name)).Sum(tensor => tensor.Dims.Aggregate(1L, (product, dimension) => product * dimension));

    private static IEnumerable<long> Windows(Exported exported)
    {
        var nodes = exported.Graph.Graph.Node.Where(node => node.OpType == "GroupQueryAttention").ToList();
        Assert.Equal(5, nodes.Count);
        return nodes.Select(node => node.Attribute.Single(attribute => attribute.Name == "local_window_size").I);
    }
}
