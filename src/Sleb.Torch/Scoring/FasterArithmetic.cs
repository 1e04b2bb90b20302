using System.Diagnostics;
using Sleb.Core.Search;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>Which arithmetic pays on this machine: measured, because no flag tells. Of two processors with AVX512-BF16 one is five times faster in bfloat16 and one half as fast.</summary>
internal static class FasterArithmetic
{
    /// <summary>The least gain in matrix products that pays for the second copy of the weights and for scoring the best again in float32.</summary>
    private const double Worthwhile = 1.5;

    /// <summary>
    /// Below this hidden size products are a small part of a block: with 192 a search that takes 12.4 s in float32 took 11.0 s where
    /// products are twice as fast, for losses that are no longer float32's.
    /// </summary>
    private const int SmallestHiddenSize = 384;

    private const int Rows = 256, Size = 768, Repeats = 20;

    /// <summary>A few dozen milliseconds of one matrix product in each, in turn and on one core, of which the fastest counts: what else the machine does then matters little.</summary>
    /// <param name="hiddenSize">Of the model; null asks for one that is large enough.</param>
    /// <param name="streamed">Whether the weights will come from the checkpoint block by block, where there are no eight-bit ones.</param>
    public static Arithmetic Measure(int? gpuDeviceId, int? hiddenSize = null, bool streamed = false)
    {
        if (hiddenSize < SmallestHiddenSize) return Arithmetic.Fp32;
        LibTorch.EnsureLoaded();
        if (!streamed) Allocator.KeepLargeBlocks(); // as the search will have it
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var device = TorchDevice.Get(gpuDeviceId);
        var (x, w) = (ones(Rows, Size, device: device), ones(Size, Size, device: device));
        var (lowX, lowW) = (x.to(bfloat16), w.to(bfloat16));
        using var rounded = streamed ? null : Int8Matrix.Create(w);
        int threads = get_num_threads();
        set_num_threads(1);
        try
        {
            var (full, low, eight) = (TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue);
            for (int i = 0; i < Repeats; i++)
            {
                full = Shorter(full, Time(() => nn.functional.linear(x, w)));
                low = Shorter(low, Time(() => nn.functional.linear(lowX, lowW)));
                if (rounded is not null) eight = Shorter(eight, Time(() => Difference(rounded)));
            }
            bool bf16Pays = full > Worthwhile * low, int8Pays = eight < Shorter(full, low); // the sampled head is faster in any case
            return int8Pays ? bf16Pays ? Arithmetic.Int8Bf16 : Arithmetic.Int8 : bf16Pays ? Arithmetic.Bf16 : Arithmetic.Fp32;
        }
        finally
        {
            set_num_threads(threads);
        }

        unsafe Tensor Difference(Int8Matrix matrix)
        {
            nint ones = (nint)Tensors.At<ushort>(lowX);
            using var difference = new RoundedDifference(x, new KnownProduct(ones, ones, Rows));
            return matrix.Multiply(difference, ones, rows => rows);
        }

        static TimeSpan Time(Func<Tensor> product)
        {
            long start = Stopwatch.GetTimestamp();
            using var y = product();
            using var last = y[^1, ^1].cpu(); // waits for a GPU
            return Stopwatch.GetElapsedTime(start);
        }

        static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
    }
}
