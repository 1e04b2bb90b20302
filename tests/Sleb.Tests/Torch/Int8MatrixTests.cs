using Sleb.Torch.Families;
using Sleb.Torch.Natives;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Is a product by its difference from another one as near as eight bits allow?</summary>
public class Int8MatrixTests
{
    [Theory]
    [InlineData(512, 1536, 576)]
    [InlineData(64, 576, 1536)]
    [InlineData(7, 32, 64)]
    public void The_error_is_a_share_of_the_difference(int rows, int outputs, int inputs)
    {
        LibTorch.EnsureLoaded();
        Assert.SkipUnless(Int8Matrix.IsAvailable, "This libtorch offers no eight-bit products.");
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        Tensor weight = randn(outputs, inputs), input = randn(1, rows, inputs);
        using var matrix = Int8Matrix.Create(weight)!;
        foreach (double size in (double[])[1, 0.01])
        {
            var reference = input.view(rows, inputs).add(randn(rows, inputs).mul(size)).to(bfloat16);
            var known = nn.functional.linear(reference.to(float32), weight).to(bfloat16);
            var product = Multiply(matrix, input, reference, known, rows => nn.functional.linear(rows, weight));
            Assert.Equal([1, rows, outputs], product.shape);
            // The product of the difference itself is what is rounded: by about a hundredth, and a little of it is enough to tell.
            var change = nn.functional.linear(input.view(rows, inputs) - reference.to(float32), weight);
            double error = (product.view(rows, outputs) - known.to(float32) - change).square().mean().sqrt().item<float>() / change.square().mean().sqrt().item<float>();
            Assert.InRange(error, 1e-4, 0.02);
        }
    }

    [Fact]
    public void Nothing_changed_is_the_known_product_and_a_row_far_off_is_exact()
    {
        LibTorch.EnsureLoaded();
        Assert.SkipUnless(Int8Matrix.IsAvailable, "This libtorch offers no eight-bit products.");
        using var scope = NewDisposeScope();
        random.manual_seed(6);
        Tensor weight = randn(48, 64), reference = randn(96, 64).to(bfloat16), known = randn(96, 48).to(bfloat16);
        using var matrix = Int8Matrix.Create(weight)!;
        Assert.True(Multiply(matrix, reference.to(float32), reference, known, rows => throw new InvalidOperationException()).equal(known.to(float32)).all().item<bool>());

        var input = reference.to(float32);
        input[5] = randn(64).mul(100);
        input[5, 7] = 1000;
        var product = Multiply(matrix, input, reference, known, rows => nn.functional.linear(rows, weight));
        Assert.True(product[5].equal(nn.functional.linear(input[5], weight)).all().item<bool>());
        Assert.True(product[..5].equal(known[..5].to(float32)).all().item<bool>());
    }

    [Fact]
    public void What_is_not_finite_stays_so()
    {
        LibTorch.EnsureLoaded();
        Assert.SkipUnless(Int8Matrix.IsAvailable, "This libtorch offers no eight-bit products.");
        using var scope = NewDisposeScope();
        var weight = randn(16, 32);
        using var matrix = Int8Matrix.Create(weight)!;
        Tensor input = zeros(3, 32), reference = zeros(3, 32, dtype: bfloat16), known = ones(3, 16, dtype: bfloat16);
        input[0, 3] = float.NaN;
        input[1, 31] = float.PositiveInfinity;
        float[] product = [.. Multiply(matrix, input, reference, known, rows => nn.functional.linear(rows, weight)).data<float>()];
        Assert.All(product[..32], value => Assert.False(float.IsFinite(value)));
        Assert.All(product[32..], value => Assert.Equal(1, value));
    }

    private static unsafe Tensor Multiply(Int8Matrix matrix, Tensor input, Tensor reference, Tensor known, Func<Tensor, Tensor> exactly)
    {
        using var difference = new RoundedDifference(input, new KnownProduct((nint)Tensors.At<ushort>(reference), (nint)Tensors.At<ushort>(known), (int)reference.shape[0]));
        return matrix.Multiply(difference, (nint)Tensors.At<ushort>(known), exactly);
    }

    [Fact]
    public void Products_are_read_where_they_were_written_and_plain_elsewhere()
    {
        LibTorch.EnsureLoaded();
        Assert.SkipUnless(Int8Matrix.IsAvailable, "This libtorch offers no eight-bit products.");
        using var scope = NewDisposeScope();
        Parameter weight = new(randn(32, 64), requires_grad: false), bias = new(randn(32), requires_grad: false);
        var references = new References();
        using WeightProducts products = new() { References = references }, other = new() { References = references };
        using var memory = new KeptMemory();
        using var pass = new ReferencePass(memory);
        var x = randn(1, 9, 64);
        references.Written = pass;
        var exact = products.Multiply(x, weight, bias);
        (references.Written, references.Read) = (null, pass);
        var near = products.Multiply(x, weight, bias);
        Assert.True(near.allclose(exact, rtol: 0.01, atol: 0.05));
        Assert.False(near.equal(exact).all().item<bool>()); // by what bfloat16 remembers
        var changed = x.add(randn(1, 9, 64).mul(0.1)); // two inputs at once, and their products as they are alone
        Assert.True(products.Multiply(cat([x, changed], 0), weight, bias).equal(cat([near, products.Multiply(changed, weight, bias)], 0)).all().item<bool>());
        Assert.True(other.Multiply(x, weight, bias).equal(exact).all().item<bool>());
        Assert.Equal([1, 8, 32], products.Multiply(x[.., ..8], weight, bias).shape);
        Assert.Null(Int8Matrix.Create(weight.to(bfloat16)));
        Assert.Null(Int8Matrix.Create(randn(32, 63)));
    }
}
