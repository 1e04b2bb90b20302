using Sleb.Torch.Natives;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Do heads lie where attention and its output projection read them?</summary>
public class HeadOrderTests
{
    [Fact]
    public void Heads_are_divided_into_their_tokens()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor weighted = randn(2 * 3, 5 * 2, 16), sums = rand(2 * 3, 5 * 2).add(1), all = zeros(2, 11, 6, 16);
        foreach (var type in (ScalarType[])[float32, bfloat16])
        {
            var given = weighted.to(type);
            Assert.True(HeadOrder.Divide(given, sums, 2, all, 4));
            Assert.True(all[.., 4..9].allclose((given.to(float32) / sums.unsqueeze(2)).view(2, 3, 5, 2, 16).transpose(1, 2).reshape(2, 5, 6, 16)));
            Assert.Equal(0, all[.., ..4].abs().sum().item<float>() + all[.., 9..].abs().sum().item<float>());
        }
        Assert.False(HeadOrder.Divide(weighted.to(float64), sums, 2, all, 0));
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
            Assert.True(HeadOrder.Group(x, 3, type)!.equal(expected).all().item<bool>());
        }
        Assert.Null(HeadOrder.Group(x.transpose(2, 3), 3, float32));
        Assert.Null(HeadOrder.Group(x.to(float64), 3, float32));
    }
}
