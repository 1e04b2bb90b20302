using System.Globalization;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Protos;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Runtime;

/// <summary>The bytes that a decoding step must bring from memory, which is what its time is bound by.</summary>
/// <param name="WeightBytes">Initializers that are read whole in every step.</param>
/// <param name="CacheBytesPerPosition">Keys and values of one position, all blocks together.</param>
internal sealed record DecodeTraffic(long WeightBytes, long CacheBytesPerPosition)
{
    public long Bytes(int positions) => WeightBytes + CacheBytesPerPosition * positions;

    /// <exception cref="CheckpointException">The folder's graph is missing or damaged.</exception>
    public static DecodeTraffic Of(string folder) => Of(FolderGraph.Read(folder),
        JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, GenAIConfig.FileName)))?["model"]?["decoder"]?["head_size"]?.GetValue<int>() ?? 0);

    /// <param name="headSize">Of each key and value, where the graph has a symbol for it, as the official builder's have.</param>
    private static DecodeTraffic Of(GraphProto graph, int headSize)
    {
        // A tied table is looked up at one end and multiplied with at the other: read whole, then, because of the second.
        var whole = graph.Node.SelectMany(node => node.Input.Where((_, position) => !IsLookedUp(node.OpType, position))).ToHashSet(StringComparer.Ordinal);
        return new(
            graph.Initializer.Where(tensor => whole.Contains(tensor.Name)).Sum(Bytes),
            graph.Input.Select(input => input.Type.TensorType).Where(type => type.Shape.Dim.Count == 4)
                .Sum(type => type.Shape.Dim[1].DimValue * (type.Shape.Dim[3].DimParam == "" ? type.Shape.Dim[3].DimValue : headSize) * ElementBytes((DataType)type.ElemType)));
    }

    /// <summary>Inputs of which a step reads a row: embedding tables, cosines and sines.</summary>
    private static bool IsLookedUp(string operation, int input) => operation switch
    {
        "Gather" => input == 0,
        "GatherBlockQuantized" => input != 1,
        "GroupQueryAttention" => input is 7 or 8,
        "RotaryEmbedding" => input is 2 or 3,
        _ => false,
    };

    private static long Bytes(TensorProto tensor) =>
        tensor.ExternalData.FirstOrDefault(entry => entry.Key == "length") is { } length ? long.Parse(length.Value, CultureInfo.InvariantCulture) : tensor.RawData.Length;

    private static int ElementBytes(DataType type) => type switch
    {
        DataType.Float => 4,
        DataType.Int8 or DataType.Uint8 => 1,
        _ => 2,
    };
}
