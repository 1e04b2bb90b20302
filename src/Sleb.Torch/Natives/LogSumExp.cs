using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

/// <summary>Cross entropy's denominator in two passes over the logits, where libtorch takes four and writes two.</summary>
/// <remarks>For float32 on the CPU; where a tensor is another one, the answer is null and libtorch's operations do it.</remarks>
internal static unsafe class LogSumExp
{
    /// <summary>The logarithm of each row's sum of exponentials, in float64: (rows, columns) to (rows).</summary>
    /// <param name="weights">(columns): what each exponential counts; null is 1.</param>
    public static Tensor? OfRows(Tensor x, Tensor? weights = null)
    {
        if (x.dtype != float32 || !Tensors.AreOurs(x) || !x.is_contiguous()) return null;
        var y = empty([x.shape[0]], dtype: float64);
        var sums = new Sums { X = Tensors.At<float>(x), Weights = weights is null ? null : Tensors.At<float>(weights), Y = Tensors.At<double>(y), Size = (int)x.shape[1] };
        TorchThreads.ForRows((int)x.shape[0], &Sum, &sums);
        return y;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(void* arguments, int first, int end)
    {
        var given = *(Sums*)arguments;
        int width = Vector256<float>.Count, whole = given.Size - given.Size % (2 * width);
        for (long row = first; row < end; row++)
        {
            float* x = given.X + row * given.Size;
            float most = float.NegativeInfinity;
            Vector256<float> even = Vector256.Create(most), odd = even;
            for (int i = 0; i < whole; i += 2 * width)
            {
                even = Vector256.MaxNative(even, Vector256.Load(x + i)); // a NaN comes back in the sum
                odd = Vector256.MaxNative(odd, Vector256.Load(x + i + width));
            }
            even = Vector256.MaxNative(even, odd);
            for (int i = 0; i < width; i++) most = MathF.Max(most, even[i]);
            for (int i = whole; i < given.Size; i++) most = MathF.Max(most, x[i]);
            var shift = Vector256.Create(most);
            even = odd = Vector256<float>.Zero;
            for (int i = 0; i < whole; i += 2 * width)
            {
                Vector256<float> low = VectorExp.OfNegative(Vector256.Load(x + i) - shift), high = VectorExp.OfNegative(Vector256.Load(x + i + width) - shift);
                even = given.Weights is null ? even + low : Vector256.FusedMultiplyAdd(low, Vector256.Load(given.Weights + i), even);
                odd = given.Weights is null ? odd + high : Vector256.FusedMultiplyAdd(high, Vector256.Load(given.Weights + i + width), odd);
            }
            double sum = Vector256.Sum(even + odd);
            for (int i = whole; i < given.Size; i++)
                sum += VectorExp.OfNegative(Vector256.Create(x[i] - most))[0] * (given.Weights is null ? 1 : given.Weights[i]);
            given.Y[row] = most + Math.Log(sum);
        }
    }

    private struct Sums
    {
        public float* X, Weights;
        public double* Y;
        public int Size;
    }
}
