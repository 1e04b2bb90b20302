using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Emit;

/// <summary>The graph as GenAI's official builder (0.18.0) writes it, node for node: what our own form is measured against.</summary>
internal static class BuilderForm
{
    public const int OpsetVersion = 22;

    /// <summary>Inputs of attention, those that are left out included.</summary>
    private const int AttentionInputs = 12;

    public static void Rewrite(GraphProto graph)
    {
        SkipNorms.Fuse(graph);
        MakeConstantsNodes(graph);
        foreach (var node in graph.Node.Where(node => node.OpType == "GroupQueryAttention"))
            while (node.Input.Count < AttentionInputs) node.Input.Add("");
        foreach (var shape in graph.Input.Concat(graph.Output).Select(value => value.Type.TensorType.Shape).Where(shape => shape.Dim.Count == 4))
            shape.Dim[3] = new() { DimParam = "kv_cache_dim" };
    }

    /// <summary>Each stands before the first node that reads it.</summary>
    private static void MakeConstantsNodes(GraphProto graph)
    {
        var constants = graph.Initializer.Where(tensor => tensor.ExternalData.Count == 0).ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        foreach (var tensor in constants.Values) graph.Initializer.Remove(tensor);
        var nodes = new List<NodeProto>();
        foreach (var node in graph.Node)
        {
            foreach (string input in node.Input)
                if (constants.Remove(input, out var tensor))
                    nodes.Add(new()
                    {
                        Name = input.Replace("/constants/", "/constant_nodes/", StringComparison.Ordinal),
                        OpType = "Constant",
                        Output = { input },
                        Attribute = { new AttributeProto { Name = "value", T = tensor, Type = AttributeProto.Types.AttributeType.Tensor } },
                    });
            nodes.Add(node);
        }
        graph.Node.Clear();
        graph.Node.Add(nodes);
    }
}
