using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>Integers stand for the weights they were made from, and the kernels read them so.</summary>
public class QuantizationTests
{
    public static TheoryData<string> Names => ConformanceFolder.Names;

    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Names))]
    public void Logits_at_level_zero_are_those_of_the_dequantized_weights(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        foreach (var (precision, form) in (ReadOnlySpan<(string, OnnxForm)>)
            [("int4", new()), ("int4", new() { ZeroPoints = true, EmbeddingPrecision = "int8" }), ("int8", new() { FusedNorms = true }), ("int8", new() { ZeroPoints = true, EmbeddingPrecision = "int4" })])
        {
            using var temporary = new TemporaryFolder();
            Export(checkpoint, temporary["out"], precision, form with { AccuracyLevel = 0 });
            new GraphFile(temporary["out"]).WriteDequantized(temporary["float"]);
            File.Copy(temporary["out", "genai_config.json"], temporary["float", "genai_config.json"]); // where a pass finds the head size
            using OrtWholePass integers = new(temporary["out"]), floats = new(temporary["float"]);
            using var model = GenAIModel.Load(temporary["out"]);
            foreach (int[] row in folder.Rows)
            {
                float[] expected = floats.Logits(row);
                Assert.InRange(EmitConformanceTests.MaxDifference(expected, integers.Logits(row)), 0, 2e-4);
                Assert.InRange(EmitConformanceTests.MaxDifference(expected, model.Logits(row, None)), 0, 2e-4);
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void The_fused_and_the_packed_form_give_the_same_logits(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        using var temporary = new TemporaryFolder();
        foreach (var form in (OnnxForm[])[new() { FusedNorms = true }, new() { PackedGateUp = true }, new() { FusedNorms = true, PackedGateUp = true }])
        {
            string target = temporary[$"{form.FusedNorms}-{form.PackedGateUp}"];
            Export(checkpoint, target, "fp32", form);
            using var model = GenAIModel.Load(target);
            for (int row = 0; row < folder.Rows.Length; row++)
                Assert.InRange(EmitConformanceTests.MaxDifference(folder.Logits([], row), model.Logits(folder.Rows[row], None)), 0, 2e-4);
        }
    }

    [Fact]
    public void Packed_integers_are_those_of_the_matrices_apart()
    {
        using var checkpoint = ConformanceFolder.Open("llama").Checkpoint();
        using var temporary = new TemporaryFolder();
        Export(checkpoint, temporary["apart"], "int4", new() { AccuracyLevel = 0 });
        Export(checkpoint, temporary["packed"], "int4", new() { AccuracyLevel = 0, PackedGateUp = true });
        GraphFile apart = new(temporary["apart"]), packed = new(temporary["packed"]);
        Assert.Equal(checkpoint.Config.NumHiddenLayers, apart.Graph.Node.Count(node => node.OpType == "MatMulNBits") - packed.Graph.Node.Count(node => node.OpType == "MatMulNBits"));
        using GenAIModel one = GenAIModel.Load(temporary["apart"]), other = GenAIModel.Load(temporary["packed"]);
        Assert.InRange(EmitConformanceTests.MaxDifference(one.Logits([1, 2, 3, 4, 5], None), other.Logits([1, 2, 3, 4, 5], None)), 0, 1e-5);
    }

    [Theory]
    [InlineData("int4", false, 0.5)]
    [InlineData("int4", true, 0.5)]
    [InlineData("int8", false, 0.5)]
    public void Rounding_to_nearest_is_within_half_a_step(string precision, bool zeroPoints, double steps)
    {
        using var temporary = new TemporaryFolder();
        using var checkpoint = ConformanceFolder.Open("llama").Checkpoint();
        Export(checkpoint, temporary["out"], precision, new() { ZeroPoints = zeroPoints, ScaleSearch = false });
        Export(checkpoint, temporary["search"], precision, new() { ZeroPoints = zeroPoints });
        GraphFile plain = new(temporary["out"]), searched = new(temporary["search"]);
        string weight = "model.layers.0.mlp.down_proj.MatMul.weight", levels = weight + (precision == "int4" ? "_Q4" : "_Q8");
        var entry = checkpoint.Find("model.layers.0.mlp.down_proj.weight", checkpoint.Config.HiddenSize, checkpoint.Config.IntermediateSize);
        int rows = (int)entry.Shape[0], columns = (int)entry.Shape[1], blocks = (columns + 31) / 32;
        var values = new float[entry.Elements];
        checkpoint.Read(entry, values);
        float[] scales = plain.Floats(weight + "_scales"), nearest = Values(plain), best = Values(searched);
        for (int i = 0; i < values.Length; i++)
        {
            float scale = Math.Abs(scales[i / columns * blocks + i % columns / 32]);
            // Without a zero of its own, a block's extreme of the other sign may be one level short of the range.
            Assert.InRange(Math.Abs(values[i] - nearest[i]), 0, scale * (zeroPoints ? steps : 1) * 1.0001);
        }
        double before = Error(nearest), after = Error(best);
        Assert.True(precision == "int8" ? after == before : after < before, $"{after} against {before}");

        float[] Values(GraphFile file) => file.Dequantize(levels, weight + "_scales", zeroPoints ? weight + "_zero_points" : null, rows, columns, precision == "int4" ? 4 : 8);
        double Error(float[] found) => values.Zip(found, (left, right) => (double)(left - right) * (left - right)).Sum();
    }

    [Fact]
    public void A_level_four_folder_generates()
    {
        using var temporary = new TemporaryFolder();
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        Export(checkpoint, temporary["out"], "int4", new() { FusedNorms = true });
        Assert.All(new GraphFile(temporary["out"]).Graph.Node.Where(node => node.OpType == "MatMulNBits"),
            node => Assert.Equal(4, node.Attribute.Single(attribute => attribute.Name == "accuracy_level").I));
        using var model = GenAIModel.Load(temporary["out"]);
        Assert.Equal(16, model.Generate([1, 2, 3], new() { MaxNewTokens = 16, IgnoreEos = true }, null, None).Count);
    }

    private static void Export(Checkpoint checkpoint, string folder, string precision, OnnxForm form) =>
        OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = folder, Precision = precision, Form = form }, None);
}
