using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>Cuts a decoder graph into graphs that run by themselves, one hidden state (B, S, H) between them: embedding, every block, norm and head.</summary>
/// <remarks>Weights stay where they are: each is in the one part that reads it, but for what serves all blocks, such as rotary caches.</remarks>
internal sealed class GraphParts(DecoderPackage package, BlockMap map)
{
    /// <summary>The input of every part but the first, and the output of every part but the last.</summary>
    public const string Hidden = "sleb.hidden", Result = "sleb.result";

    public ModelProto Embedding() => Cut(BlockMap.Before);

    public ModelProto Block(int index) => Cut(index);

    public ModelProto Head() => Cut(map.Count);

    private ModelProto Cut(int part)
    {
        var source = package.Model.Graph;
        var nodes = new List<NodeProto>();
        var entry = part == BlockMap.Before ? null : map.Cuts[part];
        NodeProto? norm = null;
        foreach (var node in source.Node.Where(node => part != BlockMap.Before && map.Part(node) == part))
        {
            nodes.Add(node.Clone());
            if (ReferenceEquals(node, entry?.Norm)) norm = nodes[^1];
        }
        if (part < map.Count) nodes.Add(Exit(map.Cuts[part + 1]));
        // The sum that the norm would take has been taken at the end of the part before.
        string? state = norm is null ? entry?.Values[0] : SkipNorm.MakePlain(norm, Hidden);
        if (state is not null)
            foreach (var node in nodes) GraphNames.Redirect(node, state, Hidden);

        var read = nodes.SelectMany(GraphNames.Reads).ToHashSet(StringComparer.Ordinal);
        foreach (var node in source.Node.Reverse().Where(node => map.Part(node) == BlockMap.Before && node.Output.Any(read.Contains)))
        {
            nodes.Insert(0, node.Clone());
            read.UnionWith(GraphNames.Reads(node));
        }
        var graph = new GraphProto { Name = source.Name };
        graph.Node.Add(nodes);
        graph.Initializer.Add(source.Initializer.Where(tensor => read.Contains(tensor.Name)));
        if (read.Contains(Hidden)) graph.Input.Add(State(Hidden));
        graph.Input.Add(source.Input.Where(input => read.Contains(input.Name)));
        graph.Output.Add(part < map.Count ? State(Result) : source.Output.Single(output => output.Name == package.Logits));
        var model = new ModelProto { IrVersion = package.Model.IrVersion, Graph = graph };
        model.OpsetImport.Add(package.Model.OpsetImport);
        return model;
    }

    private static NodeProto Exit(BlockCut cut)
    {
        var node = new NodeProto { Name = Result, OpType = cut.Norm is null ? "Identity" : "Add", Output = { Result } };
        node.Input.Add(cut.Values);
        return node;
    }

    /// <summary>Hidden states have the type of the caches.</summary>
    private ValueInfoProto State(string name)
    {
        var shape = new TensorShapeProto();
        foreach (string dimension in (string[])["batch_size", "sequence_length", "hidden_size"]) shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = dimension });
        return new() { Name = name, Type = new() { TensorType = new() { ElemType = (int)package.ElementType, Shape = shape } } };
    }
}
