using Sleb.Torch.Natives;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Are our own sums of exponentials libtorch's?</summary>
public class LogSumExpTests
{
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
        Assert.True(LogSumExp.OfRows(x)!.allclose(x.to(float64).logsumexp(-1), rtol: 1e-6, atol: 1e-6, equal_nan: true));
        Assert.True(LogSumExp.OfRows(x, weights)!.allclose(x.to(float64).add(weights.to(float64).log()).logsumexp(-1), rtol: 1e-6, atol: 1e-6, equal_nan: true));
        Assert.Null(LogSumExp.OfRows(x.t()));
    }
}
