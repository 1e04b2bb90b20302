using Sleb.Core.Checkpoints;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Sleb.Tests.Torch;

/// <summary>Are packed products those of the weights as they lie, to the bit?</summary>
public class PackedMatrixTests
{
    [Theory]
    [InlineData(512, 1536, 576)]
    [InlineData(511, 4096, 576)]
    [InlineData(7, 33, 5)]
    public void A_packed_product_is_the_plain_one(int rows, int outputs, int inputs)
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Tensor weight = randn(outputs, inputs), input = randn(1, rows, inputs);
        using var packed = PackedMatrix.Create(weight, rows);
        Assert.SkipWhen(packed is null, "This libtorch offers no packed products.");
        var product = packed.Multiply(input);
        Assert.Equal([1, rows, outputs], product.shape);
        Assert.True(product.equal(nn.functional.linear(input, weight)).all().item<bool>());
    }

    [Fact]
    public void Other_numbers_of_rows_and_other_weights_are_multiplied_as_ever()
    {
        LibTorch.EnsureLoaded();
        using var scope = NewDisposeScope();
        Parameter weight = new(randn(6, 4), requires_grad: false), bias = new(randn(6), requires_grad: false);
        using WeightProducts products = new() { PackedRows = [3] }, plain = new();
        foreach (int rows in (int[])[2, 3, 4])
        {
            var input = randn(rows, 4);
            foreach (VocabularySlice? slice in (VocabularySlice?[])[null, new(1, 3)])
            {
                var product = products.Multiply(input, weight, bias, slice);
                Assert.Equal([rows, slice is null ? 6 : 3], product.shape);
                Assert.True(product.allclose(plain.Multiply(input, weight, bias, slice), atol: 1e-6)); // a sum near 0 has the error of its terms
            }
        }
        Assert.Null(PackedMatrix.Create(weight.to(bfloat16), 3));
        Assert.Null(PackedMatrix.Create(randn(4, 6).t(), 3));
    }

    [Fact]
    public void A_packed_model_gives_the_same_losses()
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        int[][] windows = [[.. Enumerable.Range(0, 128).Select(i => i * 37 % 2000)]];
        using TorchModel plain = TorchModel.Load(checkpoint), packed = TorchModel.Load(checkpoint);
        packed.Pack(128);
        Assert.Equal(plain.WindowNll(windows, null, default), packed.WindowNll(windows, null, default));
    }
}
