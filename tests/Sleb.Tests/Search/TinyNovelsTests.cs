using System.Text.Json;
using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Core.Tokenization;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Search;

/// <summary>The whole search on the embedded model, from its text files through its tokenizer, against the reference implementation.</summary>
public class TinyNovelsTests
{
    private const int SequenceLength = 256;

    private static readonly JsonElement Reference = JsonDocument.Parse(File.ReadAllText(TestFiles.Data("tiny-novels.json"))).RootElement;

    [Fact]
    public void Order_losses_and_perplexities_equal_the_reference()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        using var model = TorchModel.Load(checkpoint);
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.TinyNovels);
        using var scorer = new TorchBlockScorer(model, Windows(tokenizer, "calibration.txt").Take(8).ToList());
        var removals = new SlebSearch(scorer).Run(5).ToList();
        Assert.Equal(Reference.GetProperty("removal_order").EnumerateArray().Select(block => block.GetInt32()), removals.Select(removal => removal.Block));
        foreach (var (round, removal) in Reference.GetProperty("rounds").EnumerateArray().Zip(removals))
            foreach (var candidate in round.GetProperty("mean_nll").EnumerateObject())
                Assert.Equal(candidate.Value.GetDouble(), removal.Candidates.Single(scored => $"{scored.Block}" == candidate.Name).MeanNll!.Value, 1e-4);

        var evaluation = Windows(tokenizer, "evaluation.txt");
        foreach (var point in Reference.GetProperty("evaluation_curve").EnumerateArray())
        {
            var removed = point.GetProperty("removed").EnumerateArray().Select(block => block.GetInt32());
            double perplexity = Math.Exp(model.WindowNll(evaluation, [.. Enumerable.Range(0, 12).Except(removed)], default).Average());
            double expected = point.GetProperty("ppl").GetDouble();
            Assert.Equal(expected, perplexity, expected * 1e-3);
        }
    }

    [Fact]
    public void Block_influence_equals_the_reference()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        using var model = TorchModel.Load(checkpoint);
        var windows = Windows(HuggingFaceTokenizer.Load(TestFiles.TinyNovels), "calibration.txt").Take(8).ToList();
        using var scorer = new TorchBlockScorer(model, windows);
        var influence = scorer.MeasureBlocks(default).Influence;
        foreach (var (expected, found) in Reference.GetProperty("block_influence").EnumerateArray().Zip(influence))
            Assert.Equal(expected.GetDouble(), found, 1e-4);
    }

    private static List<int[]> Windows(HuggingFaceTokenizer tokenizer, string file) =>
        [.. tokenizer.Encode(File.ReadAllText(Path.Combine(TestFiles.TinyNovels, file))).Chunk(SequenceLength).Where(window => window.Length == SequenceLength)];
}
