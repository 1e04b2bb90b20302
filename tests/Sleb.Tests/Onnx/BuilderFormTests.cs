using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Protos;

namespace Sleb.Tests.Onnx;

/// <summary>Is the form that ours is measured against really the official builder's? Compared with folders it made, up to names of values.</summary>
public class BuilderFormTests
{
    [Theory]
    [InlineData("tiny-llama-int4", "int4")]
    [InlineData("tiny-llama-fp32", "fp32")]
    [InlineData("tiny-qwen3-fp32", "fp32")]
    public void The_graph_is_the_builders(string name, string precision)
    {
        string reference = TestFiles.Shared("reference", "genai-builder", name);
        using var temporary = new TemporaryFolder();
        using var checkpoint = Checkpoint.Open(Path.Combine(reference, "hf"));
        OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = temporary["out"], Precision = precision, Form = new() { BuilderForm = true } },
            TestContext.Current.CancellationToken);
        GraphFile expected = new(reference), found = new(temporary["out"]);
        Assert.Equal((expected.Model.IrVersion, expected.Model.OpsetImport), (found.Model.IrVersion, found.Model.OpsetImport));
        Assert.Equal(expected.Graph.Input, found.Graph.Input);
        Assert.Equal(expected.Graph.Output, found.Graph.Output);
        Assert.Equal(expected.Graph.Node.Select(Form), found.Graph.Node.Select(Form));

        // Equal wiring: one name of theirs always stands for the same one of ours, and the other way round.
        var theirs = Values(expected).ToList();
        var ours = Values(found).ToList();
        Assert.Equal(theirs.Count, ours.Count);
        var pairs = theirs.Zip(ours).Distinct().ToList();
        Assert.Equal(pairs.Count, pairs.Select(pair => pair.First).Distinct().Count());
        Assert.Equal(pairs.Count, pairs.Select(pair => pair.Second).Distinct().Count());

        var stored = expected.Graph.Initializer.ToDictionary(tensor => tensor.Name);
        Assert.Equal(stored.Count, found.Graph.Initializer.Count);
        foreach (var (their, our) in pairs.Where(pair => stored.ContainsKey(pair.First)))
        {
            var tensor = found.Tensor(our);
            Assert.Equal((stored[their].DataType, string.Join(',', stored[their].Dims)), (tensor.DataType, string.Join(',', tensor.Dims)));
            if (their is "cos_cache" or "sin_cache") // the builder's angles are float32: half a step at 255 is 7.6e-6
                Assert.InRange(EmitConformanceTests.MaxDifference(MemoryMarshal.Cast<byte, float>(expected.Bytes(stored[their])).ToArray(), found.Floats(our)), 0, 7.7e-6);
            else Assert.True(expected.Bytes(stored[their]).SequenceEqual(found.Bytes(tensor)), their);
        }
    }

    private static IEnumerable<string> Values(GraphFile file) => file.Graph.Node.SelectMany(node => node.Input.Concat(node.Output));

    private static string Form(NodeProto node) =>
        $"{node.Domain}.{node.OpType} {node.Input.Count} {node.Output.Count} {string.Join(' ', node.Attribute.OrderBy(attribute => attribute.Name, StringComparer.Ordinal).Select(Form))}";

    private static string Form(AttributeProto attribute) =>
        $"{attribute.Name}={attribute.Type},{attribute.I},{attribute.F},{string.Join('/', attribute.Ints)},{attribute.T?.DataType},{attribute.T?.Dims},{attribute.T?.RawData.ToBase64()}";
}
