using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Sleb.Onnx.Protos;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>Collects nodes and values of one graph; float initializers go straight to the data file.</summary>
/// <param name="shared">Another folder's weights, to refer to instead of writing any.</param>
internal sealed class GraphBuilder(ExternalData data, SharedWeights? shared = null)
{
    /// <summary>IR 10 and opset 21 are the oldest that hold all we write, so the widest range of runtimes reads it.</summary>
    private const int IrVersion = 10;
    private const string Contrib = "com.microsoft";

    private readonly GraphProto _graph = new() { Name = "main_graph" };
    private readonly HashSet<string> _constants = new(StringComparer.Ordinal);
    private int _opset = 21;

    /// <summary>Adds a node with one output, named <c>{name}/output_0</c>, and returns that name.</summary>
    /// <param name="op">An operator; a contrib operator is written <c>com.microsoft.Name</c>.</param>
    public string Node(string op, string name, ReadOnlySpan<string> inputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        string output = name + "/output_0";
        Node(op, name, inputs, [output], attributes);
        return output;
    }

    /// <summary>Adds a node with the outputs given.</summary>
    public void Node(string op, string name, ReadOnlySpan<string> inputs, ReadOnlySpan<string> outputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { Name = name };
        if (op.StartsWith(Contrib + ".", StringComparison.Ordinal)) (node.Domain, node.OpType) = (Contrib, op[(Contrib.Length + 1)..]);
        else node.OpType = op;
        foreach (string input in inputs) node.Input.Add(input);
        foreach (string output in outputs) node.Output.Add(output);
        foreach (var attribute in attributes) node.Attribute.Add(attribute);
        _graph.Node.Add(node);
    }

    public void Input(string name, DataType type, params ReadOnlySpan<object> shape) => _graph.Input.Add(Value(name, type, shape));

    public void Output(string name, DataType type, params ReadOnlySpan<object> shape) => _graph.Output.Add(Value(name, type, shape));

    /// <summary>A weight in the graph's number format, whose values <paramref name="write"/> streams into the data file now.</summary>
    public string Weight(string name, ReadOnlySpan<long> shape, Action<ExternalData> write) => Weight(name, data.Type, shape, write);

    /// <summary>A weight of another element type.</summary>
    public string Weight(string name, DataType type, ReadOnlySpan<long> shape, Action<ExternalData> write)
    {
        _graph.Initializer.Add(shared is null ? Written(name, type, shape, write) : shared.Find(name, type, shape));
        return name;
    }

    private TensorProto Written(string name, DataType type, ReadOnlySpan<long> shape, Action<ExternalData> write)
    {
        data.Align();
        long offset = data.Position, bytes = type switch { DataType.Uint8 => 1, DataType.Float => 4, _ => 2 };
        write(data);
        foreach (long dimension in shape) bytes *= dimension;
        if (data.Position - offset != bytes)
            throw new InvalidOperationException($"Initializer '{name}' took {data.Position - offset} bytes where its shape takes {bytes}.");
        var tensor = new TensorProto { Name = name, DataType = (int)type, DataLocation = TensorProto.Types.DataLocation.External };
        foreach (long dimension in shape) tensor.Dims.Add(dimension);
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = data.FileName });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = offset.ToString(CultureInfo.InvariantCulture) });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = bytes.ToString(CultureInfo.InvariantCulture) });
        return tensor;
    }

    /// <summary>A small integer vector kept in the graph itself; the same values are kept once.</summary>
    public string Constant(params ReadOnlySpan<long> values)
    {
        string name = $"/model/constants/INT64/[{string.Join(", ", values.ToArray())}]";
        if (_constants.Add(name))
            _graph.Initializer.Add(Inline(name, values, values.Length));
        return name;
    }

    /// <summary>A small integer kept in the graph itself.</summary>
    public string Scalar(long value)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"/model/constants/INT64/{value}");
        if (_constants.Add(name)) _graph.Initializer.Add(Inline(name, [value]));
        return name;
    }

    /// <summary>Makes an output float32 whatever the graph computes in.</summary>
    public void WidenOutput(string output)
    {
        if (data.Type == DataType.Float) return;
        var node = _graph.Node.Single(node => node.Output.Contains(output));
        string narrow = node.Name + "/output_0";
        node.Output[node.Output.IndexOf(output)] = narrow;
        Node("Cast", $"/{output}/Cast", [narrow], (ReadOnlySpan<string>)[output], Attributes.Int("to", (long)DataType.Float));
    }

    /// <summary>How exactly the quantized products are computed: 0 in float32, 4 with activations as int8.</summary>
    public void SetAccuracyLevel(int level)
    {
        foreach (var node in _graph.Node.Where(node => node.OpType == "MatMulNBits"))
            node.Attribute.Single(attribute => attribute.Name == "accuracy_level").I = level;
    }

    /// <summary>Joins every sum with the norm that reads it into one kernel.</summary>
    public void FuseNorms() => SkipNorms.Fuse(_graph);

    /// <summary>The same graph as the official builder writes it.</summary>
    public void TakeBuilderForm()
    {
        BuilderForm.Rewrite(_graph);
        _opset = BuilderForm.OpsetVersion;
    }

    /// <summary>Writes the graph file. Equal graphs give equal bytes: nothing of the machine or the time goes in.</summary>
    public void Save(string path, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "Sleb.MLNet", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = _opset });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Contrib, Version = 1 });
        foreach (var (key, value) in metadata) model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        using var stream = new FileStream(path, FileMode.Create);
        model.WriteTo(stream);
    }

    private static TensorProto Inline(string name, ReadOnlySpan<long> values, params ReadOnlySpan<long> shape)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)DataType.Int64, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)) };
        foreach (long dimension in shape) tensor.Dims.Add(dimension);
        return tensor;
    }

    private static ValueInfoProto Value(string name, DataType type, ReadOnlySpan<object> shape)
    {
        var dimensions = new TensorShapeProto();
        foreach (object dimension in shape)
            dimensions.Dim.Add(dimension is string symbol
                ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
                : new TensorShapeProto.Types.Dimension { DimValue = (int)dimension });
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new() { ElemType = (int)type, Shape = dimensions } } };
    }
}
