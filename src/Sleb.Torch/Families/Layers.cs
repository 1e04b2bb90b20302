using TorchSharp.Modules;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>y = x W^T + b. TorchSharp's own module fills its weights with random numbers first, which a loader never needs.</summary>
internal sealed class Linear : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    public Linear(long inputs, long outputs, bool bias, Device device) : base(nameof(Linear))
    {
        weight = new Parameter(empty(outputs, inputs, device: device), requires_grad: false);
        if (bias) this.bias = new Parameter(empty(outputs, device: device), requires_grad: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => F.linear(input, weight, bias);
}

/// <summary>A table of row vectors.</summary>
internal sealed class Embedding : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;

    public Embedding(long rows, long size, Device device) : base(nameof(Embedding))
    {
        weight = new Parameter(empty(rows, size, device: device), requires_grad: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor ids) => weight.index_select(0, ids.flatten()).view([.. ids.shape, weight.shape[1]]);

    /// <summary>The tied head: the same table as output projection.</summary>
    public Tensor Unembed(Tensor hidden) => F.linear(hidden, weight);
}

/// <summary>x / sqrt(mean(x^2) + eps) * w (Zhang and Sennrich 2019).</summary>
internal sealed class RMSNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double _epsilon;

    public RMSNorm(long size, double epsilon, Device device) : base(nameof(RMSNorm))
    {
        _epsilon = epsilon;
        weight = new Parameter(empty(size, device: device), requires_grad: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => x * rsqrt(x.square().mean([-1], keepdim: true) + _epsilon) * weight;
}
