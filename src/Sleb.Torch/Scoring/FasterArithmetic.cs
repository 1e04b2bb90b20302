using System.Diagnostics;
using Sleb.Core.Search;
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

    /// <summary>A few dozen milliseconds of one matrix product in either, in turn and on one core, of which the fastest counts: what else the machine does then matters little.</summary>
    /// <param name="hiddenSize">Of the model; null asks for one that is large enough.</param>
    public static Arithmetic Measure(int? gpuDeviceId, int? hiddenSize = null)
    {
        if (hiddenSize < SmallestHiddenSize) return Arithmetic.Fp32;
        LibTorch.EnsureLoaded();
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var device = TorchDevice.Get(gpuDeviceId);
        var (x, w) = (ones(Rows, Size, device: device), ones(Size, Size, device: device));
        var (lowX, lowW) = (x.to(bfloat16), w.to(bfloat16));
        int threads = get_num_threads();
        set_num_threads(1);
        try
        {
            var (full, low) = (TimeSpan.MaxValue, TimeSpan.MaxValue);
            for (int i = 0; i < Repeats; i++)
            {
                full = Shorter(full, Product(x, w));
                low = Shorter(low, Product(lowX, lowW));
            }
            return full > Worthwhile * low ? Arithmetic.Bf16 : Arithmetic.Fp32;
        }
        finally
        {
            set_num_threads(threads);
        }

        static TimeSpan Product(Tensor x, Tensor w)
        {
            long start = Stopwatch.GetTimestamp();
            using var y = nn.functional.linear(x, w);
            using var last = y[^1, ^1].cpu(); // waits for a GPU
            return Stopwatch.GetElapsedTime(start);
        }

        static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
    }
}
