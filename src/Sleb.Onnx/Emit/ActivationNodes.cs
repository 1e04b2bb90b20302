using System.Diagnostics;
using Sleb.Core.Families;

namespace Sleb.Onnx.Emit;

/// <summary>The functions between the two halves of an MLP.</summary>
internal static class ActivationNodes
{
    public static string Activate(this DecoderGraph decoder, string path, string input, Activation activation)
    {
        var graph = decoder.Graph;
        return activation switch
        {
            Activation.Relu => graph.Node("Relu", path + "/Relu", [input]),
            Activation.Silu => graph.Node("Mul", path + "/Mul", [input, graph.Node("Sigmoid", path + "/Sigmoid", [input])]), // one kernel after the runtime's fusion
            Activation.Gelu => graph.Node("Gelu", path + "/Gelu", [input], Attributes.Text("approximate", "none")),
            Activation.GeluTanh => graph.Node("Gelu", path + "/Gelu", [input], Attributes.Text("approximate", "tanh")),
            Activation.QuickGelu => graph.Node("com.microsoft.QuickGelu", path + "/QuickGelu", [input], Attributes.Float("alpha", 1.702f)),
            _ => throw new UnreachableException(),
        };
    }
}
