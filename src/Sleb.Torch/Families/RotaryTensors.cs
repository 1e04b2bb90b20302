using Sleb.Core.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Families;

/// <summary>Cosines and sines on the model's device, grown to the longest window seen.</summary>
internal sealed class RotaryTensors(RotaryEmbedding rotary, Device device) : IDisposable
{
    private Tensor? _cos, _sin;

    /// <summary>Rotates the two halves of each head's first dimensions, as many as there are frequencies for: (B, heads, T, D) to the same.</summary>
    /// <remarks>RoFormer (Su et al. 2021) in the half-split layout of transformers' rotate_half.</remarks>
    public Tensor Apply(Tensor x)
    {
        long length = x.shape[2];
        if (!Serves(length)) Build((int)length);
        using var scope = NewDisposeScope();
        var (cos, sin) = (_cos![..(int)length], _sin![..(int)length]); // (T, D/2)
        if (rotary.Dimension == x.shape[3] && RowLoops.Rotate(x, cos, sin) is { } rotated) return rotated.MoveToOuterDisposeScope();
        long half = rotary.Dimension / 2, rest = x.shape[3] - rotary.Dimension;
        var (left, right) = (x.narrow(3, 0, half), x.narrow(3, half, half));
        var y = empty(x.shape, device: x.device);
        y.narrow(3, 0, half).copy_(left).mul_(cos).MinusProductInPlace(right, sin);
        y.narrow(3, half, half).copy_(right).mul_(cos).PlusProductInPlace(left, sin);
        if (rest > 0) y.narrow(3, rotary.Dimension, rest).copy_(x.narrow(3, rotary.Dimension, rest));
        return y.MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _cos?.Dispose();
        _sin?.Dispose();
    }

    /// <summary>A longer table holds a shorter sequence's, unless the frequencies depend on the length.</summary>
    private bool Serves(long length) => _cos is not null
        && (_cos.shape[0] == length || (_cos.shape[0] > length && !(_cos.shape[0] > rotary.FixedUpTo)));

    private void Build(int length)
    {
        Dispose();
        var (cos, sin) = rotary.Table(length);
        long half = rotary.Dimension / 2;
        _cos = tensor(cos, [length, half], device: device).DetachFromDisposeScope();
        _sin = tensor(sin, [length, half], device: device).DetachFromDisposeScope();
    }
}
