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

    [Theory]
    [InlineData(4096, 3)]
    [InlineData(199, 0)]
    [InlineData(5, 1)]
    public void Sums_of_exponentials_are_libtorch_s_also_where_a_row_is_not_finite(int columns, int far)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor x = randn(9, columns).mul(5), weights = rand(columns).add(0.5);
        x[2, far] = 500;
        x[3] = x[3].sub(1000);
        x[4, far] = float.NaN;
        Assert.True(RowLoops.LogSumExp(x)!.allclose(x.to(float64).logsumexp(-1), rtol: 1e-6, atol: 1e-6, equal_nan: true));
        Assert.True(RowLoops.LogSumExp(x, weights)!.allclose(x.to(float64).add(weights.to(float64).log()).logsumexp(-1), rtol: 1e-6, atol: 1e-6, equal_nan: true));
        Assert.Null(RowLoops.LogSumExp(x.t()));
    }

    [Fact]
    public void Heads_are_divided_into_their_tokens()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor weighted = randn(2 * 3, 5 * 2, 16), sums = rand(2 * 3, 5 * 2).add(1), all = zeros(2, 11, 6, 16);
        foreach (var type in (ScalarType[])[float32, bfloat16])
        {
            var given = weighted.to(type);
            Assert.True(RowLoops.Divide(given, sums, 2, all, 4));
            Assert.True(all[.., 4..9].allclose((given.to(float32) / sums.unsqueeze(2)).view(2, 3, 5, 2, 16).transpose(1, 2).reshape(2, 5, 6, 16)));
            Assert.Equal(0, all[.., ..4].abs().sum().item<float>() + all[.., 9..].abs().sum().item<float>());
        }
        Assert.False(RowLoops.Divide(weighted.to(float64), sums, 2, all, 0));
    }

    [Fact]
    public void Heads_of_a_group_lie_beside_each_other()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        var x = randn(2, 5, 6, 48).transpose(1, 2); // (B, heads, T, D), as a projection leaves it
        foreach (var type in (ScalarType[])[float32, bfloat16])
        {
            var expected = x.reshape(2, 2, 3, 5, 48).transpose(2, 3).to(type).reshape(4, 15, 48);
            Assert.True(RowLoops.Group(x, 3, type)!.equal(expected).all().item<bool>());
        }
        Assert.Null(RowLoops.Group(x.transpose(2, 3), 3, float32));
        Assert.Null(RowLoops.Group(x.to(float64), 3, float32));
    }
}
