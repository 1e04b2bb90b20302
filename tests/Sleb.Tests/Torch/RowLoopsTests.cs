using Sleb.Torch.Natives;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Are the loops in one pass what libtorch's operations make in several?</summary>
public class RowLoopsTests
{
    [Fact]
    public void The_norm_is_root_mean_square()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor x = randn(2, 7, 96).mul(30), weight = randn(96);
        Assert.True(RowLoops.RootMeanSquareNorm(x, weight, 1e-5)!.allclose(x * x.square().mean([-1], keepdim: true).add(1e-5).rsqrt() * weight, rtol: 1e-5));
        Assert.Null(RowLoops.RootMeanSquareNorm(x[.., .., ..90], weight[..90], 1e-5));
        Assert.Null(RowLoops.RootMeanSquareNorm(x.to(bfloat16), weight, 1e-5));
    }

    [Fact]
    public void The_gate_is_silu_far_to_both_sides()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor gate = randn(3, 5, 64).mul(20), up = randn(3, 5, 64);
        gate[0, 0, 0] = -200;
        gate[0, 0, 1] = 200;
        gate[0, 0, 2] = float.NaN;
        var product = RowLoops.SiluTimes(gate, up)!;
        Assert.True(product.allclose(nn.functional.silu(gate) * up, rtol: 1e-5, atol: 1e-30, equal_nan: true));
        Assert.Null(RowLoops.SiluTimes(gate.transpose(0, 1), up.transpose(0, 1)));
    }

    [Fact]
    public void Heads_are_rotated_wherever_they_lie()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor cos = randn(11, 16), sin = randn(11, 16);
        foreach (var x in (Tensor[])[randn(2, 3, 11, 32), randn(2, 11, 3, 32).transpose(1, 2)])
        {
            Tensor left = x[.., .., .., ..16], right = x[.., .., .., 16..];
            Assert.True(RowLoops.Rotate(x, cos, sin)!.allclose(cat([left * cos - right * sin, right * cos + left * sin], dim: -1), rtol: 1e-5, atol: 1e-6));
        }
        Assert.Null(RowLoops.Rotate(randn(1, 3, 11, 48), cos, sin));
    }
}
