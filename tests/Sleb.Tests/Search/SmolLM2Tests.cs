using System.Globalization;
using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Core.Tokenization;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Search;

/// <summary>A part of the reference search on real weights, small enough for every run; <see cref="SmolLM2LongTests"/> has the whole.</summary>
public class SmolLM2Tests
{
    [Fact]
    public void Every_candidate_of_the_first_and_the_last_round_equals_the_reference_on_one_window()
    {
        var reference = new SmolLM2Reference();
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        using var model = TorchModel.Load(checkpoint);
        using var scorer = new TorchBlockScorer(model, [reference.Calibration[0]]);
        foreach (int round in (int[])[1, 9]) // the ends of the search
        {
            var (alive, expected) = reference.Round(round);
            var candidates = scorer.ScoreWithout(alive, alive[1..^1], 0, 1, Arithmetic.Fp32, default).ToList();
            Assert.Equal(expected.Keys.Order(), candidates.Select(candidate => candidate.Block));
            foreach (var candidate in candidates)
                Assert.Equal(expected[candidate.Block][0], candidate.Nll, 1e-4);
        }
    }

    /// <remarks>Half a hundredth for those that may win, where removals change most; what is far behind may be further off.</remarks>
    [Fact]
    public void Screened_in_int8_those_that_may_win_keep_their_losses()
    {
        var reference = new SmolLM2Reference();
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        using var model = TorchModel.Load(checkpoint);
        using var scorer = new TorchBlockScorer(model, [reference.Calibration[0]]);
        var (alive, expected) = reference.Round(9);
        int[] best = [.. expected.OrderBy(candidate => candidate.Value[0]).Take(8).Select(candidate => candidate.Key).Order()];
        var differences = scorer.ScoreWithout(alive, best, 0, 1, Arithmetic.Int8, default).Select(loss => loss.Nll - expected[loss.Block][0]).ToList();
        TestContext.Current.TestOutputHelper!.WriteLine(string.Join(" ", differences.Select(difference => difference.ToString("0.0000", CultureInfo.InvariantCulture))));
        Assert.All(differences, difference => Assert.InRange(difference - differences.Average(), -0.02, 0.02));
    }

    [Fact]
    public void The_texts_give_the_ids_of_the_reference()
    {
        var reference = new SmolLM2Reference();
        var tokenizer = HuggingFaceTokenizer.Load(SmolLM2.Folder);
        Assert.Equal(reference.Calibration, Windows("wiki.valid.raw", 8));
        Assert.Equal(reference.Evaluation, Windows("wiki.test.raw", 32));

        IReadOnlyList<int[]> Windows(string file, int count) =>
            TokenWindows.Cut(TextFile.Read(TestFiles.Shared("data", "wikitext-2-raw", file)), () => tokenizer, 512, count, 8192, 49152);
    }

    [Fact]
    public void Block_influence_equals_the_reference()
    {
        var reference = new SmolLM2Reference();
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        using var model = TorchModel.Load(checkpoint);
        using var scorer = new TorchBlockScorer(model, reference.Calibration);
        var influence = scorer.MeasureBlocks(default).Influence;
        Assert.Equal(reference.BlockInfluence.Length, influence.Count);
        foreach (var (expected, found) in reference.BlockInfluence.Zip(influence)) Assert.Equal(expected, found, 1e-4);
    }
}
