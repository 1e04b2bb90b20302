using System.Diagnostics;
using Sleb.Core.Families;
using Sleb.Torch.Natives;
using TorchSharp.Modules;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>The functions between the two halves of an MLP.</summary>
internal static class ActivationTensors
{
    /// <summary>silu(gate) * up, as in the gated MLP of Llama and its kin (Shazeer 2020).</summary>
    public static Tensor SiluTimes(Tensor gate, Tensor up) => RowLoops.SiluTimes(gate, up) ?? F.silu(gate) * up;

    public static Tensor Apply(this Activation activation, Tensor x) => activation switch
    {
        Activation.Relu => F.relu(x),
        Activation.Silu => F.silu(x),
        Activation.Gelu => F.gelu(x),
        Activation.GeluTanh => F.gelu(x, GELU.Approximate.tanh),
        Activation.QuickGelu => x * sigmoid(x.Times(1.702)),
        _ => throw new UnreachableException(),
    };
}
