using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Sleb.Onnx.Protos;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Tests.Onnx;

/// <summary>A written model.onnx with its data, read by the test's own few lines.</summary>
internal sealed class GraphFile(string folder)
{
    private readonly byte[] _data = File.ReadAllBytes(Path.Combine(folder, "model.onnx.data"));

    public ModelProto Model { get; } = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));

    public GraphProto Graph => Model.Graph;

    public IEnumerable<TensorProto> Weights => Graph.Initializer.Where(tensor => tensor.ExternalData.Count > 0);

    public TensorProto Tensor(string name) => Graph.Initializer.Single(tensor => tensor.Name == name);

    public ReadOnlySpan<byte> Bytes(TensorProto tensor)
    {
        int Number(string key) => int.Parse(tensor.ExternalData.Single(entry => entry.Key == key).Value, CultureInfo.InvariantCulture);
        return _data.AsSpan(Number("offset"), Number("length"));
    }

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(Bytes(Tensor(name))).ToArray();

    /// <summary>The nodes without the changes of number format, as if the graph computed in one.</summary>
    public IReadOnlyList<NodeProto> NodesWithoutCasts()
    {
        var nodes = Graph.Node.Clone();
        foreach (var cast in nodes.Where(node => node.OpType == "Cast" && !node.Name.Contains("mask")).ToList())
        {
            nodes.Remove(cast);
            bool ends = Graph.Output.Any(output => output.Name == cast.Output[0]);
            foreach (var node in nodes)
            {
                if (ends) Replace(node.Output, cast.Input[0], cast.Output[0]);
                else Replace(node.Input, cast.Output[0], cast.Input[0]);
            }
        }
        return nodes;
    }

    /// <summary>The same graph with each integer matrix as the float32 one it stands for.</summary>
    public void WriteDequantized(string target)
    {
        Directory.CreateDirectory(target);
        var model = Model.Clone();
        var nodes = model.Graph.Node;
        var added = new List<TensorProto>();
        foreach (var node in nodes.Where(node => node.OpType == "MatMulNBits").ToList())
        {
            int bits = Attribute(node, "bits"), n = Attribute(node, "N"), k = Attribute(node, "K");
            float[] rows = Dequantize(node.Input[1], node.Input[2], node.Input.Count > 3 ? node.Input[3] : null, n, k, bits), columns = new float[rows.Length];
            for (int row = 0; row < n; row++)
                for (int column = 0; column < k; column++) columns[column * n + row] = rows[row * k + column];
            added.Add(Inline(node.Name + ".weight", columns, k, n));
            nodes[nodes.IndexOf(node)] = new NodeProto { Name = node.Name, OpType = "MatMul", Input = { node.Input[0], node.Name + ".weight" }, Output = { node.Output } };
        }
        foreach (var node in nodes.Where(node => node.OpType == "GatherBlockQuantized").ToList())
        {
            var reshape = nodes.Single(other => other.Output.Contains(node.Input[0]));
            int bits = Attribute(node, "bits"), n = (int)Tensor(reshape.Input[0]).Dims[0], k = (int)Tensor(reshape.Input[0]).Dims[1] * 32;
            added.Add(Inline(node.Name + ".weight", Dequantize(reshape.Input[0], node.Input[2], node.Input.Count > 3 ? node.Input[3] : null, n, k, bits), n, k));
            nodes[nodes.IndexOf(node)] = new NodeProto { Name = node.Name, OpType = "Gather", Input = { node.Name + ".weight", node.Input[1] }, Output = { node.Output } };
            nodes.Remove(reshape);
        }
        model.Graph.Initializer.Add(added);
        File.WriteAllBytes(Path.Combine(target, "model.onnx"), model.ToByteArray());
        File.Copy(Path.Combine(folder, "model.onnx.data"), Path.Combine(target, "model.onnx.data"));
    }

    /// <summary>w = (level - zero) * scale, by the definition of MatMulNBits.</summary>
    public float[] Dequantize(string levels, string scales, string? zeros, int rows, int columns, int bits)
    {
        int blocks = (columns + 31) / 32, zeroBytes = (blocks * bits + 7) / 8;
        byte[] packed = Bytes(Tensor(levels)).ToArray(), zero = zeros is null ? [] : Bytes(Tensor(zeros)).ToArray();
        float[] scale = Floats(scales), values = new float[rows * columns];
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
            {
                int block = column / 32;
                int z = zeros is null ? 1 << (bits - 1) : Level(zero.AsSpan(row * zeroBytes), block, bits);
                values[row * columns + column] = (Level(packed.AsSpan(row * blocks * 32 * bits / 8), column, bits) - z) * scale[row * blocks + block];
            }
        return values;
    }

    private static int Level(ReadOnlySpan<byte> packed, int index, int bits) => bits == 8 ? packed[index] : packed[index / 2] >> (index % 2 * 4) & 15;

    private static int Attribute(NodeProto node, string name) => (int)node.Attribute.Single(attribute => attribute.Name == name).I;

    private static TensorProto Inline(string name, float[] values, params long[] shape) =>
        new() { Name = name, DataType = (int)DataType.Float, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)), Dims = { shape } };

    private static void Replace(IList<string> names, string old, string name)
    {
        for (int i = 0; i < names.Count; i++)
            if (names[i] == old) names[i] = name;
    }
}
