using Sleb.Onnx.Emit;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>The contrib operators that add a branch to the residual and normalise the sum, which is their fourth output.</summary>
internal static class SkipNorm
{
    public const string Simplified = "SkipSimplifiedLayerNormalization", Full = "SkipLayerNormalization";

    private const int Sum = 3;

    /// <summary>Whether it adds a third part: the bias of the linear layer before it.</summary>
    public static bool HasBias(NodeProto norm) => norm.Input.ElementAtOrDefault(norm.OpType == Simplified ? 3 : 4) is { Length: > 0 };

    /// <summary>Makes a norm of one value of it, in the form that the builder gives the first norm; returns the name of its sum, which nothing writes any more.</summary>
    public static string? MakePlain(NodeProto norm, string input)
    {
        string? sum = norm.Output.ElementAtOrDefault(Sum) is { Length: > 0 } name ? name : null;
        float epsilon = norm.Attribute.FirstOrDefault(attribute => attribute.Name == "epsilon")?.F ?? 1e-5f;
        string[] weights = [.. norm.Input.Skip(2).Where(weight => weight.Length > 0)];
        string output = norm.Output[0];
        norm.OpType = norm.OpType == Simplified ? "SimplifiedLayerNormalization" : "LayerNormalization";
        norm.ClearDomain();
        norm.Name = norm.Name.Replace("SkipLayerNorm", "LayerNorm", StringComparison.Ordinal);
        norm.Input.Clear();
        norm.Input.Add([input, .. weights]);
        norm.Output.Clear();
        norm.Output.Add(output);
        norm.Attribute.Clear();
        norm.Attribute.Add([Attributes.Float("epsilon", epsilon), Attributes.Int("axis", -1), Attributes.Int("stash_type", 1)]);
        return sum;
    }
}
