using System.Text.Json.Nodes;
using Google.Protobuf;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Runtime;

/// <summary>The decoder graph of an ONNX Runtime GenAI folder.</summary>
internal static class FolderGraph
{
    /// <summary>Kernels that round activations to integers, some of them at their own accuracy level alone.</summary>
    private static readonly string[] IntegerKernels = ["DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"];

    /// <exception cref="CheckpointException">The folder's graph is missing or damaged.</exception>
    public static GraphProto Read(string folder)
    {
        string file = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, GenAIConfig.FileName)))?["model"]?["decoder"]?["filename"]?.GetValue<string>()
            ?? throw new CheckpointException($"{Path.Combine(folder, GenAIConfig.FileName)} names no model.decoder.filename; decoder models with one graph are supported.");
        string path = Path.Combine(folder, file);
        try
        {
            using var stream = File.OpenRead(path);
            return ModelProto.Parser.ParseFrom(stream).Graph;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new CheckpointException($"{path} is not an ONNX file ({e.Message.TrimEnd('.')}). Export the folder again.", e);
        }
    }

    /// <summary>
    /// Whether matrix products round their inputs to integers: there the last bit of a sum can decide a whole step, so that a text
    /// read at once and the same text read in pieces give logits that differ visibly.
    /// </summary>
    public static bool RoundsActivations(GraphProto graph) => graph.Node.Any(node =>
        IntegerKernels.Contains(node.OpType) || node.OpType == "MatMulNBits" && node.Attribute.Any(attribute => attribute is { Name: "accuracy_level", I: > 1 }));
}
