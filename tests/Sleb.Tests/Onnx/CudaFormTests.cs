using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Tests.Onnx;

/// <summary>Folders for a CUDA machine, as far as one without CUDA can tell: form, types, every weight, and the logits where the CPU runs them.</summary>
public class CudaFormTests
{
    /// <summary>In roundings of the largest logit: about twice what float16 was seen to differ by (17).</summary>
    private const double MaxRoundings = 32;

    public static TheoryData<string, string> Cases => [.. ConformanceFolder.All.SelectMany(name => new (string, string)[] { (name, "fp16"), (name, "bf16") })];

    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Cases))]
    public void The_folder_is_the_cpus_in_another_number_format(string name, string precision)
    {
        var type = precision == "fp16" ? DataType.Float16 : DataType.Bfloat16;
        var folder = ConformanceFolder.Open(name);
        using var checkpoint = folder.Checkpoint();
        foreach (int[] removed in (int[][])[[], [1, 3]])
        {
            using var temporary = new TemporaryFolder();
            OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = removed, OutFolder = temporary["cpu"] }, None);
            using var cpu = GenAIModel.Load(temporary["cpu"]);
            var result = OnnxExporter.Export(new()
            {
                Checkpoint = checkpoint,
                RemovedBlocks = removed,
                OutFolder = temporary["cuda"],
                Target = "cuda",
                Precision = precision,
                ReferenceLogits = ids => cpu.Logits([.. ids], None),
            }, None);
            AssertSameGraphAndRoundedWeights(new(temporary["cpu"]), new(temporary["cuda"]), type);
            var providers = JsonNode.Parse(File.ReadAllBytes(temporary["cuda", "genai_config.json"]))!["model"]!["decoder"]!["session_options"]!["provider_options"]!;
            Assert.Equal("""[{"cuda":{"enable_cuda_graph":"0"}}]""", providers.ToJsonString());

            using var model = GenAIModel.LoadIfItRuns(temporary["cuda"]);
            Assert.Equal(model is null, result.Notes.Contains(ExportResult.NotRunHere(precision)));
            if (precision == "fp16") Assert.NotNull(model); // ONNX Runtime's CPU has or casts what float16 needs
            if (model is null) continue;
            for (int row = 0; row < folder.Rows.Length; row++)
            {
                float[] expected = folder.Logits(removed, row);
                double difference = EmitConformanceTests.MaxDifference(expected, model.Logits(folder.Rows[row], None));
                Assert.InRange(difference / expected.Max(Math.Abs) * (type == DataType.Float16 ? 2048 : 256), 0, MaxRoundings);
            }
        }
    }

    [Theory]
    [InlineData("cuda", "fp32", "no float32 attention on CUDA")]
    [InlineData("cuda", "int4", "int4 is written for the CPU so far")]
    [InlineData("cpu", "fp16", "slower than fp32")]
    [InlineData("cpu", "bf16", "slower than fp32")]
    public void What_a_target_cannot_run_is_refused(string target, string precision, string reason)
    {
        using var temporary = new TemporaryFolder();
        using var checkpoint = ConformanceFolder.Open("llama").Checkpoint();
        var refusal = Assert.Throws<ArgumentException>(() => OnnxExporter.Export(
            new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = temporary["out"], Target = target, Precision = precision }, None));
        Assert.Contains(reason, refusal.Message);
    }

    [Theory]
    [InlineData("fp16", 65519.9f, 65520f)]
    [InlineData("bf16", 3.3895312e38f, 3.3961775e38f)]
    public void A_value_that_would_become_infinite_is_refused_with_its_tensor(string precision, float largest, float beyond)
    {
        using var temporary = new TemporaryFolder();
        var copy = new CheckpointCopy(TestFiles.Data("conformance", "llama"));
        foreach (float value in (float[])[largest, -beyond])
        {
            copy.Tensors["model.layers.4.mlp.up_proj.weight"].Values[7] = value;
            using var checkpoint = copy.Write(temporary["in" + value]);
            var thrown = Record.Exception(() => OnnxExporter.Export(
                new() { Checkpoint = checkpoint, RemovedBlocks = [0], OutFolder = temporary["out"], Target = "cuda", Precision = precision }, None));
            if (value == largest) Assert.IsNotType<CheckpointException>(thrown); // the run may still overflow
            else Assert.Contains("in tensor 'model.layers.4.mlp.up_proj.weight', which", Assert.IsType<CheckpointException>(thrown).Message);
            if (Directory.Exists(temporary["out"])) Directory.Delete(temporary["out"], recursive: true);
        }
    }

    private static void AssertSameGraphAndRoundedWeights(GraphFile expected, GraphFile found, DataType type)
    {
        foreach (var value in found.Graph.Input.Concat(found.Graph.Output))
            Assert.Equal(value.Name is "logits" ? DataType.Float : value.Name.Contains(".key") || value.Name.Contains(".value") ? type : DataType.Int64,
                (DataType)value.Type.TensorType.ElemType);
        Assert.Equal(expected.Graph.Node, found.NodesWithoutCasts());
        Assert.Equal(expected.Graph.Initializer.Select(tensor => (tensor.Name, string.Join(',', tensor.Dims))), found.Graph.Initializer.Select(tensor => (tensor.Name, string.Join(',', tensor.Dims))));
        foreach (var weight in found.Weights)
        {
            Assert.Equal(type, (DataType)weight.DataType);
            ushort[] rounded = Array.ConvertAll(expected.Floats(weight.Name), value => type == DataType.Float16 ? BitConverter.HalfToUInt16Bits((Half)value) : ToBfloat16(value));
            Assert.True(MemoryMarshal.Cast<byte, ushort>(found.Bytes(weight)).SequenceEqual(rounded), weight.Name);
        }
    }

    private static ushort ToBfloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value), upper = bits >> 16, lower = bits & 0xFFFF;
        return (ushort)(lower > 0x8000 || (lower == 0x8000 && upper % 2 == 1) ? upper + 1 : upper);
    }
}
