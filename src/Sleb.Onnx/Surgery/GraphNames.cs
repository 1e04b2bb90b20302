using System.Globalization;
using System.Text.RegularExpressions;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>The paths that builders give nodes and weights, <c>/model/layers.3/mlp/…</c>, and who reads what.</summary>
internal static partial class GraphNames
{
    /// <summary>The number behind the first <c>layers.</c>, whole: <c>layers.1/</c> is not <c>layers.10/</c>.</summary>
    public static int? Layer(string name) =>
        LayerPath().Match(name) is { Success: true } match && int.TryParse(match.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : null;

    public static string Renumber(string name, int layer) => LayerPath().Replace(name, layer.ToString(CultureInfo.InvariantCulture), 1);

    /// <summary>Every value a node reads, those its subgraphs take from around them included.</summary>
    public static IEnumerable<string> Reads(NodeProto node) => Within(node).SelectMany(inner => inner.Input).Where(name => name.Length > 0);

    /// <summary>Lets every reader of a value read another one.</summary>
    public static void Redirect(NodeProto node, string from, string to)
    {
        foreach (var inner in Within(node))
            for (int i = 0; i < inner.Input.Count; i++)
                if (inner.Input[i] == from) inner.Input[i] = to;
    }

    /// <summary>A node and those of its subgraphs.</summary>
    public static IEnumerable<NodeProto> Within(NodeProto node) =>
        node.Attribute.Where(attribute => attribute.G is not null).SelectMany(attribute => attribute.G.Node).SelectMany(Within).Prepend(node);

    [GeneratedRegex(@"(?<=(?:^|[/.])layers\.)\d+(?=[/.])", RegexOptions.CultureInvariant)]
    private static partial Regex LayerPath();
}
