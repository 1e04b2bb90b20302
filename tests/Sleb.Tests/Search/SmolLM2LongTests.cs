using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Search;

/// <summary>The whole reference search on SmolLM2-135M: many minutes in float32, so it runs when asked for.</summary>
public class SmolLM2LongTests(ITestOutputHelper output)
{
    [Fact]
    public void All_nine_rounds_and_the_perplexity_curve_equal_the_reference()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("SLEB_LONG_TESTS") == "1", "The whole search takes about 20 minutes in float32: set SLEB_LONG_TESTS=1 to run it.");
        var reference = new SmolLM2Reference();
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        using var model = TorchModel.Load(checkpoint);
        double worst = 0;
        int round = 0;
        using var scorer = new TorchBlockScorer(model, reference.Calibration);
        foreach (var removal in new SlebSearch(scorer).Run(9))
        {
            var (_, expected) = reference.Round(++round);
            foreach (var candidate in removal.Candidates)
                worst = Math.Max(worst, Math.Abs(candidate.MeanNll!.Value - expected[candidate.Block].Average()));
            output.WriteLine($"round {round}: block {removal.Block}, loss {removal.MeanNll:F6}, margin {removal.Margin:F6}, largest difference so far {worst:E2}");
            Assert.Equal(reference.RemovalOrder[round - 1], removal.Block);
            Assert.InRange(worst, 0, 1e-4);
        }
        Assert.Equal(9, round);
        foreach (var (removed, meanNll) in reference.EvaluationCurve)
        {
            double perplexity = Math.Exp(model.WindowNll(reference.Evaluation, [.. Enumerable.Range(0, 30).Except(removed)], default).Average());
            output.WriteLine($"minus {removed.Length}: perplexity {perplexity:F5}, reference {Math.Exp(meanNll):F5}");
            Assert.Equal(Math.Exp(meanNll), perplexity, Math.Exp(meanNll) * 1e-3);
        }
    }
}
