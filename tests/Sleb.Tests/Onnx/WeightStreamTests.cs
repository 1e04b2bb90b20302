using System.Runtime.InteropServices;
using Sleb.Onnx.Emit;

namespace Sleb.Tests.Onnx;

/// <summary>Matrices are transposed in panels, so that a head of a large vocabulary does not fill the memory.</summary>
public class WeightStreamTests
{
    [Theory]
    [InlineData(1)] // less than a column: one at a time
    [InlineData(96 * 5)]
    [InlineData(96 * 20)] // more than a tile of 16
    [InlineData(32 << 20)] // all at once
    public void StackedMatricesAreTransposedWhateverThePanel(int maxElements)
    {
        using var temporary = new TemporaryFolder();
        using var checkpoint = ConformanceFolder.Open("llama-sharded-bf16").Checkpoint();
        string[] names = ["model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.q_proj.weight"]; // [32, 64] and [64, 64]
        var entries = Array.ConvertAll(names, name => checkpoint.Tensors[name]);
        using (var data = new ExternalData(temporary["data"]))
            new WeightStream(checkpoint, data, maxElements, TestContext.Current.CancellationToken).CopyTransposed(Array.ConvertAll(entries, entry => (TensorRows)entry));

        var stacked = new float[96 * 64];
        checkpoint.Read(entries[0], stacked.AsSpan(0, 32 * 64));
        checkpoint.Read(entries[1], stacked.AsSpan(32 * 64));
        float[] written = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(temporary["data"])).ToArray();
        Assert.Equal(stacked.Length, written.Length);
        for (int row = 0; row < 96; row++)
            for (int column = 0; column < 64; column++)
                Assert.Equal(stacked[row * 64 + column], written[column * 96 + row]);
    }
}
