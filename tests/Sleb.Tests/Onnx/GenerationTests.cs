using System.Globalization;
using System.Text.Json.Nodes;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>Continuations: where they end, and that a batch gives what single runs give.</summary>
public sealed class GenerationTests : IDisposable
{
    private static readonly int[] Ends = [12, 56];

    // Greedy without an end from this prompt: 194 108 42 194 12 102 102 161 …
    private static readonly int[] Prompt = [180, 33, 57, 157, 32, 147, 101, 87];

    private readonly Exported _exported = Exported.Changed(TestFiles.Data("conformance", "llama"), copy =>
        (copy.Config["eos_token_id"], copy.Config["pad_token_id"]) = (JsonNode.Parse("[12, 56]"), 12));

    [Fact]
    public void ItEndsBeforeAnEndOfSequenceIdUnlessThatIsIgnored()
    {
        var seen = new List<int>();
        Assert.Equal([194, 108, 42, 194], Run(Prompt, new(), seen.Add));
        Assert.Equal([194, 108, 42, 194], seen);
        var ignored = Run(Prompt, new() { MaxNewTokens = 24, IgnoreEos = true });
        Assert.Equal(ConformanceFolder.Open("llama").Greedy([]), ignored);
    }

    [Fact]
    public void ItStaysWithinTheContext()
    {
        int[] prompt = [.. Enumerable.Range(20, 120)];
        Assert.Equal(8, Run(prompt, new() { IgnoreEos = true }).Count);
        Assert.Empty(Run([.. Enumerable.Range(20, 128)], new() { IgnoreEos = true }));
        var refusal = Assert.Throws<ArgumentException>(() => Run([.. Enumerable.Range(20, 129)], new()));
        Assert.Contains("context of 128", refusal.Message);
    }

    [Fact]
    public void IdsOutsideTheVocabularyAreRefused()
    {
        Assert.Contains("Token id 199", Assert.Throws<ArgumentException>(() => Run([1, 199], new())).Message);
        Assert.Throws<ArgumentException>(() => Run([-1], new()));
        Assert.Throws<ArgumentException>(() => Run([], new()));
        Assert.Throws<ArgumentException>(() => _exported.Model.GenerateBatch([[1], []], new(), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(false, 24)]
    [InlineData(true, 24)]
    [InlineData(true, 110)] // with the longest prompt beyond the context: single runs
    public void ABatchGivesWhatSingleRunsGive(bool ignoreEos, int newTokens)
    {
        int[][] prompts = [Prompt, [5], [7, 12], [12, 12, 12], [9, 12, 3, 12, 12], [.. Enumerable.Range(30, 20)], [0, 0], Prompt[..3]];
        var options = new GenerationOptions { MaxNewTokens = newTokens, IgnoreEos = ignoreEos };
        var batch = _exported.Model.GenerateBatch(prompts, options, TestContext.Current.CancellationToken);
        Assert.Equal(prompts.Length, batch.Length);
        for (int i = 0; i < prompts.Length; i++) Assert.Equal(Run(prompts[i], options), batch[i]);
        Assert.Contains(batch, row => ignoreEos ? row.Intersect(Ends).Any() : row.Count < newTokens); // some row did end early
    }

    [Fact]
    public void ABatchOfSmallHeadsGivesWhatSingleRunsGive()
    {
        using var stories = Exported.Of(TestFiles.Shared("models", "stories260k"), 3);
        int[][] prompts = [[1], [1, 403, 407, 261], [1, 338, 391, 266, 267, 337]];
        var batch = stories.Model.GenerateBatch(prompts, new() { MaxNewTokens = 40 }, TestContext.Current.CancellationToken);
        for (int i = 0; i < prompts.Length; i++)
            Assert.Equal(stories.Model.Generate(prompts[i], new() { MaxNewTokens = 40 }, null, TestContext.Current.CancellationToken), batch[i]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void LogitsThatAreNoNumbersAreRefusedFromTheFirstIdOnInABatchToo(int newTokens)
    {
        const int bad = 150;
        using var exported = Exported.Changed(TestFiles.Data("conformance", "llama"), copy =>
        {
            copy.Config["tie_word_embeddings"] = false; // a head of its own stays sound
            copy.Tensors["lm_head.weight"] = copy.Tensors["model.embed_tokens.weight"];
        });
        var table = exported.Graph.Graph.Initializer.Single(tensor => tensor.Name == "model.embed_tokens.weight");
        using (var data = File.OpenWrite(Path.Combine(exported.Folder, OnnxExporter.DataFile)))
        {
            data.Position = long.Parse(table.ExternalData.Single(entry => entry.Key == "offset").Value, CultureInfo.InvariantCulture) + bad * table.Dims[1] * sizeof(float);
            data.Write(BitConverter.GetBytes(float.NaN));
        }
        var options = new GenerationOptions { MaxNewTokens = newTokens, IgnoreEos = true };
        int[] sound = Prompt[..3], refused = [.. Prompt, bad];
        Assert.Throws<InvalidDataException>(() => exported.Model.Generate(refused, options, null, TestContext.Current.CancellationToken));
        Assert.Throws<InvalidDataException>(() => exported.Model.GenerateBatch([sound, refused], options, TestContext.Current.CancellationToken));
        Assert.Throws<InvalidDataException>(() => exported.Model.GenerateBatch([[bad], Prompt], options, TestContext.Current.CancellationToken));
        Assert.All(exported.Model.GenerateBatch([sound, Prompt], options, TestContext.Current.CancellationToken), row => Assert.Equal(newTokens, row.Count));
    }

    [Fact]
    public void ThreadsShareAModel()
    {
        var options = new GenerationOptions { MaxNewTokens = 24, IgnoreEos = true };
        int[][] prompts = [.. Enumerable.Range(0, 16).Select(i => Prompt[(i % 8)..])];
        var expected = prompts.Select(prompt => Run(prompt, options)).ToList();
        var losses = _exported.Model.TokenNll(Prompt, TestContext.Current.CancellationToken);
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            Assert.Equal(expected[i], Run(prompts[i], options));
            Assert.Equal(losses, _exported.Model.TokenNll(Prompt, TestContext.Current.CancellationToken));
        });
    }

    [Fact]
    public void SamplingIsDecidedByItsSeedAndHeldByItsLimits()
    {
        var options = new GenerationOptions { MaxNewTokens = 24, IgnoreEos = true, Sample = true, Seed = 3, Temperature = 2 };
        var first = Run(Prompt, options);
        Assert.Equal(first, Run(Prompt, options));
        Assert.NotEqual(first, Run(Prompt, options with { Seed = 4 }));
        var greedy = Run(Prompt, new() { MaxNewTokens = 24, IgnoreEos = true });
        Assert.NotEqual(greedy, first);
        Assert.Equal(greedy, Run(Prompt, options with { TopK = 1 }));
        Assert.Equal(greedy, Run(Prompt, options with { TopP = 1e-6 }));
        Assert.Equal(greedy, Run(Prompt, options with { Temperature = 1e-4 }));
        var batch = _exported.Model.GenerateBatch([Prompt[..2], Prompt], options, TestContext.Current.CancellationToken);
        Assert.Equal(first, batch[1]);
    }

    [Fact]
    public void CancellingStopsAtTheNextId()
    {
        using var source = new CancellationTokenSource();
        int seen = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => _exported.Model.Generate(Prompt, new() { IgnoreEos = true }, _ =>
        {
            if (++seen == 3) source.Cancel();
        }, source.Token));
        Assert.Equal(3, seen);
    }

    public void Dispose() => _exported.Dispose();

    private IReadOnlyList<int> Run(int[] prompt, GenerationOptions options, Action<int>? onToken = null) =>
        _exported.Model.Generate(prompt, options, onToken, TestContext.Current.CancellationToken);
}
