using System.Text.Json;
using Sleb.Core.Search;
using Sleb.Core.Tokenization;
using Sleb.Onnx.Runtime;
using Sleb.Onnx.Scoring;
using Sleb.Onnx.Surgery;

namespace Sleb.Tests.Onnx;

/// <summary>Does a folder that is run block by block say what the whole graph says, with blocks switched off and with blocks cut out?</summary>
public sealed class BlockModelTests : IDisposable
{
    /// <summary>A sum taken before the norm instead of inside it moves these models' logits by up to 2e-5: the bound of the conformance tests' losses.</summary>
    private const double MaxNllDifference = 5e-5;

    private readonly TemporaryFolder _temporary = new();

    [Theory]
    [MemberData(nameof(BuilderPackage.Sets), MemberType = typeof(BuilderPackage))]
    public void BuildersFoldersLoseWhatTheirLogitsSay(string name, string removed)
    {
        var package = new BuilderPackage(name);
        string folder = package.IsQuantized ? BuilderPackage.Change(package.Folder, _temporary["level0"], BuilderPackage.FloatActivations) : package.Folder;
        using var model = OrtBlockModel.Load(folder, TestContext.Current.CancellationToken);
        float[] logits = package.Logits(removed);
        int vocabulary = logits.Length / package.Prompt.Length;
        double[] expected = [.. package.Prompt.Skip(1).Select((id, t) => LogSumExp.Nll(logits.AsSpan(t * vocabulary, vocabulary), id))];
        using var embedded = model.Embed(package.Prompt);
        int[] alive = [.. Enumerable.Range(0, 6).Except(BuilderPackage.Blocks(removed))];
        double[] found = model.TokenNll(embedded, alive, package.Prompt, TestContext.Current.CancellationToken);
        double worst = expected.Zip(found, (a, b) => Math.Abs(a - b)).Max();
        TestContext.Current.TestOutputHelper!.WriteLine($"{worst:g3}");
        Assert.InRange(worst, 0, MaxNllDifference);
    }

    [Theory, MemberData(nameof(ConformanceFolder.Names), MemberType = typeof(ConformanceFolder))]
    public void EveryFamilyLosesWhatTransformersSays(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var dense = Exported.Of(folder.Path);
        using var model = OrtBlockModel.Load(dense.Folder, TestContext.Current.CancellationToken);
        Assert.Equal(folder.Blocks, model.BlockCount);
        foreach (var (removed, expected) in folder.Losses)
            Assert.Equal(expected, model.WindowNll(folder.Rows, folder.Survivors(removed), TestContext.Current.CancellationToken).Average(), MaxNllDifference);
    }

    [Fact]
    public void TheSearchOnAFolderIsTheSearchOnItsCheckpoint()
    {
        var reference = JsonDocument.Parse(File.ReadAllText(TestFiles.Data("tiny-novels.json"))).RootElement;
        using var dense = Exported.Of(TestFiles.TinyNovels);
        using var model = OrtBlockModel.Load(dense.Folder, TestContext.Current.CancellationToken);
        var windows = HuggingFaceTokenizer.Load(dense.Folder).Encode(File.ReadAllText(Path.Combine(TestFiles.TinyNovels, "calibration.txt"))).Chunk(256).Take(8).ToList();
        var scorer = new OrtBlockScorer(model, windows);
        var removals = new SlebSearch(scorer).Run(2, null, TestContext.Current.CancellationToken).ToList();
        Assert.Equal([5, 3], removals.Select(removal => removal.Block));
        foreach (var (round, removal) in reference.GetProperty("rounds").EnumerateArray().Zip(removals))
            foreach (var candidate in removal.Candidates)
                Assert.Equal(round.GetProperty("mean_nll").GetProperty($"{candidate.Block}").GetDouble(), candidate.MeanNll!.Value, 1e-4);
        var influence = scorer.MeasureBlocks(TestContext.Current.CancellationToken);
        foreach (var (expected, found) in reference.GetProperty("block_influence").EnumerateArray().Zip(influence.Influence)) Assert.Equal(expected.GetDouble(), found, 1e-4);
        Assert.All(influence.MillisecondsPerWindow, time => Assert.True(time > 0));
        Assert.Throws<ArgumentException>(() => scorer.ScoreWithout([0, 1], [1], 0, 1, Arithmetic.Bf16, TestContext.Current.CancellationToken).ToList());
    }

    [Fact]
    public void EveryWeightIsInOnePartAndTheDataFileIsNotCopied()
    {
        var package = DecoderPackage.Open(new BuilderPackage("tiny-llama-int4").Folder);
        var map = new BlockMap(package);
        var parts = new GraphParts(package, map);
        var all = Enumerable.Range(0, map.Count).Select(parts.Block).Append(parts.Embedding()).Append(parts.Head()).ToList();
        var owners = all.SelectMany(part => part.Graph.Initializer).GroupBy(tensor => tensor.Name).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(package.Model.Graph.Initializer.Select(tensor => tensor.Name).Order(StringComparer.Ordinal), owners.Keys.Order(StringComparer.Ordinal));
        string[] shared = ["cos_cache", "sin_cache", "lm_head.MatMul.weight_Q4", "lm_head.MatMul.weight_scales"]; // of all blocks; of embedding and head
        Assert.All(owners, owner => Assert.True(owner.Value == 1 || shared.Contains(owner.Key), owner.Key));
        Assert.All(all.SelectMany(part => part.Graph.Initializer), tensor => Assert.Equal("model.onnx.data", tensor.ExternalData.Single(entry => entry.Key == "location").Value));
    }

    public void Dispose() => _temporary.Dispose();
}
