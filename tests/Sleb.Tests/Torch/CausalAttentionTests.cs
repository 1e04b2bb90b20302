using Sleb.Torch.Families;
using Sleb.Torch.Natives;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Are the exponentials in one pass those of libtorch's operations, and their quotient the softmax?</summary>
public class CausalAttentionTests
{
    [Theory]
    [InlineData(3, 128, 1, 384, 256, null)]
    [InlineData(2, 5, 1, 5, 0, null)]
    [InlineData(2, 5, 3, 5, 0, null)]
    [InlineData(1, 37, 2, 101, 64, 19)]
    [InlineData(1, 40, 1, 40, 0, 1)]
    public void One_pass_is_mask_and_softmax(int heads, int queries, int group, int keys, int ahead, int? window)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        foreach (var (type, tolerance) in new[] { (float32, 2e-6), (bfloat16, 8e-3) })
        {
            var scores = randn(heads, queries * group, keys).mul(60).to(type);
            Tensor ours = scores.clone(), theirs = scores.to(float32);
            var sums = CausalExponentials.InPlace(ours, 0.3, group, ahead, window);
            var expected = CausalAttention.ExponentialsInPlace(theirs, 0.3, group, ahead, window);
            Assert.True(ours.to(float32).allclose(theirs, rtol: tolerance, atol: 1e-30), $"{type}");
            Assert.True(sums.allclose(expected, rtol: 1e-5), $"{type}");
        }
    }

    [Fact]
    public void The_exponential_is_right_to_the_last_bits_down_to_nothing()
    {
        for (float x = 0; x > -86; x -= 0.0173f)
            Assert.InRange(VectorExp.OfNegative(System.Runtime.Intrinsics.Vector256.Create(x))[3] / MathF.Exp(x), 1 - 4e-7f, 1 + 4e-7f);
        Assert.InRange(VectorExp.OfNegative(System.Runtime.Intrinsics.Vector256.Create(-1e4f))[0], 0, 1e-37f);
        Assert.InRange(VectorExp.OfNegative(System.Runtime.Intrinsics.Vector256.Create(float.NegativeInfinity))[0], 0, 1e-37f);
        Assert.True(float.IsNaN(VectorExp.OfNegative(System.Runtime.Intrinsics.Vector256.Create(float.NaN))[0]));
    }
}
