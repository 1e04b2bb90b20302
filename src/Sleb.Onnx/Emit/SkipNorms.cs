using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Emit;

/// <summary>The fused residual form: a sum and the RMSNorm that reads it are one kernel with two results, about two kernels a block fewer.</summary>
internal static class SkipNorms
{
    public static void Fuse(GraphProto graph)
    {
        var nodes = graph.Node.ToList();
        var weights = graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        var sums = nodes.Where(node => node.OpType == "Add" && !node.Input.Any(weights.Contains)).ToDictionary(node => node.Output[0], StringComparer.Ordinal);
        var fused = new HashSet<NodeProto>();
        for (int i = 0; i < nodes.Count; i++)
        {
            var norm = nodes[i];
            // The sum is computed where the norm stands: nothing may need it before.
            if (norm.OpType != "SimplifiedLayerNormalization" || !sums.TryGetValue(norm.Input[0], out var sum) || fused.Contains(sum)
                || nodes.FindIndex(node => node.Input.Contains(sum.Output[0])) != i) continue;
            fused.Add(sum);
            bool isRead = nodes.Skip(i + 1).Any(node => node.Input.Contains(sum.Output[0]));
            var skip = new NodeProto { Name = norm.Name[..norm.Name.LastIndexOf('/')] + "/SkipLayerNorm", OpType = "SkipSimplifiedLayerNormalization", Domain = "com.microsoft" };
            skip.Input.Add([sum.Input[0], sum.Input[1], norm.Input[1]]);
            skip.Output.Add(norm.Output[0]);
            if (isRead) skip.Output.Add(["", "", sum.Output[0]]);
            skip.Attribute.Add(norm.Attribute.Single(attribute => attribute.Name == "epsilon"));
            nodes[i] = skip;
        }
        graph.Node.Clear();
        graph.Node.Add(nodes.Where(node => !fused.Contains(node)));
    }
}
