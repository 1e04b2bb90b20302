using Sleb.Onnx.Protos;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Pieces;

/// <summary>Cuts a decoder's graph into the pieces between its hidden states. Weights stay where they are, in the data file.</summary>
internal sealed class GraphCut
{
    private readonly ModelProto _whole;
    private readonly Dictionary<string, NodeProto> _producers;
    private readonly Dictionary<string, ValueInfoProto> _inputs;
    private readonly Dictionary<string, TensorProto> _initializers;

    public GraphCut(ModelProto whole, int blocks)
    {
        _whole = whole;
        _producers = whole.Graph.Node.SelectMany(node => node.Output.Where(output => output.Length > 0), (node, output) => (node, output)).ToDictionary(pair => pair.output, pair => pair.node);
        _inputs = whole.Graph.Input.ToDictionary(input => input.Name);
        _initializers = whole.Graph.Initializer.ToDictionary(tensor => tensor.Name);
        Hidden = [FirstHidden(), .. Enumerable.Range(0, blocks).Select(Output)];
    }

    /// <summary>The values in front of each block, and behind the last.</summary>
    public IReadOnlyList<string> Hidden { get; }

    public TensorProto Initializer(string name) => _initializers[name];

    public NodeProto Node(string name) => _whole.Graph.Node.Single(node => node.Name == name);

    /// <summary>The model that computes <paramref name="output"/> from <paramref name="input"/>, or from the graph's own inputs alone.</summary>
    public ModelProto Between(string? input, string output)
    {
        var needed = new HashSet<NodeProto>();
        var graph = new GraphProto { Name = "piece" };
        if (input is not null) graph.Input.Add(Float(input));
        var open = new Stack<string>([output]);
        var seen = new HashSet<string> { "", input ?? "" };
        while (open.TryPop(out string? value))
        {
            if (!seen.Add(value)) continue;
            if (_initializers.TryGetValue(value, out var weight)) graph.Initializer.Add(weight);
            else if (_inputs.TryGetValue(value, out var declared)) graph.Input.Add(declared);
            else if (needed.Add(_producers[value]))
                foreach (string source in _producers[value].Input) open.Push(source);
        }
        graph.Node.Add(_whole.Graph.Node.Where(needed.Contains)); // in their order
        graph.Output.Add(Float(output));
        return Model(graph);
    }

    /// <summary>A model of one node of the graph, with another weight in place of its second input.</summary>
    public ModelProto Single(NodeProto node, TensorProto weight)
    {
        var graph = new GraphProto { Name = "piece" };
        var copy = node.Clone();
        copy.Input[1] = weight.Name;
        graph.Node.Add(copy);
        graph.Input.Add(Float(node.Input[0]));
        graph.Initializer.Add(weight);
        graph.Output.Add(Float(node.Output[0]));
        return Model(graph);
    }

    private ModelProto Model(GraphProto graph)
    {
        var model = new ModelProto { IrVersion = _whole.IrVersion, Graph = graph };
        model.OpsetImport.Add(_whole.OpsetImport);
        return model;
    }

    /// <summary>The value that block 0 reads and that comes from the ids.</summary>
    private string FirstHidden() => Nodes(0).SelectMany(node => node.Input)
        .First(value => _producers.TryGetValue(value, out var producer) && !IsOf(producer, 0) && ComesFromIds(value));

    /// <summary>The value of a block that nodes behind it read.</summary>
    private string Output(int block)
    {
        var own = Nodes(block).SelectMany(node => node.Output).ToHashSet();
        return _whole.Graph.Node.Where(node => !IsOf(node, block)).SelectMany(node => node.Input).Where(own.Contains).Distinct().Single();
    }

    private bool ComesFromIds(string value) => value == "input_ids"
        || (_producers.TryGetValue(value, out var producer) && producer.Input.Any(ComesFromIds));

    private IEnumerable<NodeProto> Nodes(int block) => _whole.Graph.Node.Where(node => IsOf(node, block));

    private static bool IsOf(NodeProto node, int block) => node.Name.StartsWith($"/model/layers.{block}/", StringComparison.Ordinal);

    private static ValueInfoProto Float(string name) =>
        new() { Name = name, Type = new TypeProto { TensorType = new() { ElemType = (int)DataType.Float } } };
}
