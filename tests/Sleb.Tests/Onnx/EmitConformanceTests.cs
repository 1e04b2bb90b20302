using Sleb.Onnx;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>Is the emitted graph the model transformers runs? Every family, dense and with blocks removed, through ONNX Runtime and GenAI.</summary>
public class EmitConformanceTests
{
    private const double MaxLogitDifference = 2e-4, MaxNllDifference = 5e-5; // ten times the largest rounding noise recorded

    public static TheoryData<string> Names => ConformanceFolder.Names;

    [Theory, MemberData(nameof(Names))]
    public void LogitsAreThoseOfTransformers(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        double ort = 0, genai = 0;
        foreach (int[] removed in folder.RemovedSets)
        {
            using var temporary = new TemporaryFolder();
            var result = OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = temporary["out"] }, TestContext.Current.CancellationToken);
            using var session = new OrtWholePass(result.Folder);
            using var model = GenAIModel.Load(result.Folder);
            for (int row = 0; row < folder.Rows.Length; row++)
            {
                float[] expected = folder.Logits(removed, row);
                ort = Math.Max(ort, MaxDifference(expected, session.Logits(folder.Rows[row])));
                genai = Math.Max(genai, MaxDifference(expected, model.Logits(folder.Rows[row], TestContext.Current.CancellationToken)));
            }
            Assert.True(ort <= MaxLogitDifference && genai <= MaxLogitDifference, $"{name} {ConformanceFolder.Label(removed)}: ORT {ort:g3}, GenAI {genai:g3}");
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{name}: ORT {ort:g3}, GenAI {genai:g3}");
    }

    [Theory, MemberData(nameof(Names))]
    public void MeanLossesAreThoseOfTransformers(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        int blocks = checkpoint.Config.NumHiddenLayers;
        foreach (int[] removed in Enumerable.Range(0, blocks).Select(block => new[] { block }).Prepend([]))
        {
            using var temporary = new TemporaryFolder();
            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = temporary["out"] }, TestContext.Current.CancellationToken);
            using var model = GenAIModel.Load(temporary["out"]);
            double mean = folder.Rows.SelectMany(row => model.TokenNll(row, TestContext.Current.CancellationToken)).Average();
            Assert.Equal(folder.MeanNll(removed)!.Value, mean, MaxNllDifference);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void GreedyIdsAreThoseOfTransformers(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        foreach (int[] removed in (int[][])[[], [1, 3]])
        {
            using var temporary = new TemporaryFolder();
            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = temporary["out"] }, TestContext.Current.CancellationToken);
            using var model = GenAIModel.Load(temporary["out"]);
            var options = new GenerationOptions { MaxNewTokens = 24, IgnoreEos = true };
            Assert.Equal(folder.Greedy(removed)!, model.Generate(folder.GreedyPrompt, options, null, TestContext.Current.CancellationToken));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void ARaggedBatchGivesWhatSingleRunsGive(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var exported = Exported.Of(folder.Path, 2);
        int[][] prompts = [folder.GreedyPrompt, folder.Rows[1][..3], folder.Rows[1][..13]];
        var options = new GenerationOptions { MaxNewTokens = 12, IgnoreEos = true };
        var batch = exported.Model.GenerateBatch(prompts, options, TestContext.Current.CancellationToken);
        for (int i = 0; i < prompts.Length; i++)
            Assert.Equal(exported.Model.Generate(prompts[i], options, null, TestContext.Current.CancellationToken), batch[i]);
    }

    internal static double MaxDifference(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - found[i]);
            if (!(difference <= worst)) worst = difference;
        }
        return worst;
    }
}
