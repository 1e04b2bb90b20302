using System.Diagnostics;
using Sleb.Core.Families;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>The functions between the two halves of an MLP.</summary>
internal static class ActivationTensors
{
    public static Tensor Apply(this Activation activation, Tensor x) => activation switch
    {
        Activation.Relu => F.relu(x),
        Activation.Silu => F.silu(x),
        Activation.Gelu => F.gelu(x),
        Activation.GeluTanh => 0.5 * x * (1 + tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        Activation.QuickGelu => x * sigmoid(1.702 * x),
        _ => throw new UnreachableException(),
    };
}
