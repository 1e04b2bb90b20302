using Sleb.Torch.Natives;
using TorchSharp.Modules;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>A module whose parameters may be bfloat16 while what goes through the model is float32.</summary>
internal interface ILowPrecision;

/// <summary>A module that multiplies with its weight.</summary>
internal interface IMultiplies
{
    WeightProducts Products { get; }
}

/// <summary>y = x W^T + b, in W's type. TorchSharp's own module fills its weights with random numbers first, which a loader never needs.</summary>
internal sealed class Linear : nn.Module<Tensor, Tensor>, ILowPrecision, IMultiplies
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    public Linear(long inputs, long outputs, bool bias, Device device) : base(nameof(Linear))
    {
        weight = new Parameter(empty(outputs, inputs, device: device), requires_grad: false);
        if (bias) this.bias = new Parameter(empty(outputs, device: device), requires_grad: false);
        RegisterComponents();
    }

    public WeightProducts Products { get; } = new();

    public override Tensor forward(Tensor input) => Products.Multiply(input, weight, bias);

    /// <summary>As a model's head: the logits of some entries of the vocabulary.</summary>
    public Tensor Unembed(Tensor hidden, VocabularySlice? slice) => Products.Multiply(hidden, weight, bias, slice);

    protected override void Dispose(bool disposing)
    {
        if (disposing) Products.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>A table of row vectors.</summary>
internal sealed class Embedding : nn.Module<Tensor, Tensor>, ILowPrecision, IMultiplies
{
    private readonly Parameter weight;

    public Embedding(long rows, long size, Device device) : base(nameof(Embedding))
    {
        weight = new Parameter(empty(rows, size, device: device), requires_grad: false);
        RegisterComponents();
    }

    public WeightProducts Products { get; } = new();

    public override Tensor forward(Tensor ids) => weight.index_select(0, ids.flatten()).view([.. ids.shape, weight.shape[1]]);

    /// <summary>The tied head: the same table as output projection.</summary>
    public Tensor Unembed(Tensor hidden, VocabularySlice? slice) => Products.Multiply(hidden, weight, slice: slice);

    protected override void Dispose(bool disposing)
    {
        if (disposing) Products.Dispose();
        base.Dispose(disposing);
    }
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

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.to(weight.dtype);
        return (RowLoops.RootMeanSquareNorm(x, weight, _epsilon) ?? (x * x.InverseRootMeanSquare(_epsilon)).mul_(weight)).MoveToOuterDisposeScope();
    }
}

/// <summary>(x - mean) / sqrt(var + eps) * w + b (Ba et al. 2016), with neither w nor b where it is not affine.</summary>
internal sealed class LayerNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter? weight, bias;
    private readonly long _size;
    private readonly double _epsilon;

    public LayerNorm(long size, double epsilon, Device device, bool affine = true, bool withBias = true) : base(nameof(LayerNorm))
    {
        (_size, _epsilon) = (size, epsilon);
        if (affine) weight = new Parameter(empty(size, device: device), requires_grad: false);
        if (affine && withBias) bias = new Parameter(empty(size, device: device), requires_grad: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return F.layer_norm(x.to(float32), [_size], weight, bias, _epsilon).MoveToOuterDisposeScope();
    }
}

/// <summary>A learned row for every position (Radford et al. 2018).</summary>
internal sealed class PositionEmbedding : nn.Module
{
    private readonly Parameter weight;
    private readonly long _offset;

    /// <param name="offset">Rows before that of position 0, which no position reads.</param>
    public PositionEmbedding(long positions, long size, Device device, long offset = 0) : base(nameof(PositionEmbedding))
    {
        _offset = offset;
        weight = new Parameter(empty(positions + offset, size, device: device), requires_grad: false);
        RegisterComponents();
    }

    /// <summary>The rows of positions 0 to length - 1: (T, H).</summary>
    public Tensor Rows(long length) => length <= weight.shape[0] - _offset ? weight.narrow(0, _offset, length)
        : throw new ArgumentException($"A text of {length} tokens was given to a model of {weight.shape[0] - _offset} positions; give shorter windows.");
}
