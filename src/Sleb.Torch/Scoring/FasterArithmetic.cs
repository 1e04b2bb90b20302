using System.Diagnostics;
using Sleb.Core.Search;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>Which arithmetic pays on this machine: measured, because no flag tells. Of two processors with AVX512-BF16 one is five times faster in bfloat16 and one half as fast.</summary>
internal static class FasterArithmetic
{
    /// <summary>The least gain in matrix products that pays for the second copy of the weights and for scoring the best again in float32.</summary>
    private const double Worthwhile = 1.5;

    private const int Rows = 512, Size = 1024, Repeats = 5;

    /// <summary>A few milliseconds of one matrix product in either.</summary>
    public static Arithmetic Measure(int? gpuDeviceId)
    {
        LibTorch.EnsureLoaded();
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var device = TorchDevice.Get(gpuDeviceId);
        return Time(float32) > Worthwhile * Time(bfloat16) ? Arithmetic.Bf16 : Arithmetic.Fp32;

        TimeSpan Time(ScalarType type)
        {
            var (x, w) = (ones(Rows, Size, dtype: type, device: device), ones(Size, Size, dtype: type, device: device));
            Product(x, w); // the first one prepares kernels
            var best = TimeSpan.MaxValue; // the least disturbed one
            for (int i = 0; i < Repeats; i++)
            {
                long start = Stopwatch.GetTimestamp();
                Product(x, w);
                var time = Stopwatch.GetElapsedTime(start);
                if (time < best) best = time;
            }
            return best;
        }

        void Product(Tensor x, Tensor w)
        {
            using var y = nn.functional.linear(x, w);
            using var last = y[^1, ^1].cpu(); // waits for a GPU
        }
    }
}
