using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using Sleb.Tests.Search;

namespace Sleb.Tests.Onnx;

/// <summary>What integers cost SmolLM2-135M, and whether the search for scales is worth its time: some minutes, so it runs when asked for.</summary>
public class QuantizationLongTests(ITestOutputHelper output)
{
    [Fact]
    public void The_scale_search_lowers_perplexity_at_equal_size()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("SLEB_LONG_TESTS") == "1", "Several exports and perplexities of SmolLM2 take minutes: set SLEB_LONG_TESTS=1 to run them.");
        var windows = new SmolLM2Reference().Evaluation.Take(8).ToList();
        using var checkpoint = Checkpoint.Open(SmolLM2.Folder);
        OnnxForm plain = new() { ScaleSearch = false, AccuracyLevel = 0, FusedNorms = true }, search = plain with { ScaleSearch = true };
        var (nearest, nearestBytes) = Measure("int4", plain);
        var (searched, searchedBytes) = Measure("int4", search);
        Assert.InRange(Math.Abs(nearestBytes - searchedBytes), 0, 1000); // sleb.json says which
        Assert.True(searched < nearest);

        (double Perplexity, long Bytes) Measure(string precision, OnnxForm form)
        {
            using var temporary = new TemporaryFolder();
            var result = OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = temporary["out"], Precision = precision, Form = form }, TestContext.Current.CancellationToken);
            using var model = GenAIModel.Load(result.Folder);
            double perplexity = Math.Exp(windows.Average(ids => model.TokenNll(ids, TestContext.Current.CancellationToken).Average()));
            output.WriteLine($"{precision} {form.Describe(precision)}: {perplexity:F3}, {result.Bytes / 1e6:F1} MB");
            return (perplexity, result.Bytes);
        }
    }
}
