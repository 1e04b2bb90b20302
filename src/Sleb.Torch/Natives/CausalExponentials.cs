using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

/// <summary>The exponentials of attention's scores in one pass over them, where libtorch takes four: types, mask, softmax, types.</summary>
internal static unsafe class CausalExponentials
{
    /// <summary>
    /// Each score becomes exp(scale (score - the row's largest)), in place, where its query sees its key, and 0 elsewhere. Sums are those before
    /// rounding to the scores' type.
    /// </summary>
    /// <param name="scores">(heads, queries * group, keys), float32 or bfloat16, on the CPU and without gaps.</param>
    /// <param name="scale">Positive.</param>
    /// <param name="group">So many neighbouring rows are one query's.</param>
    /// <param name="ahead">Keys that the first query sees, without itself.</param>
    /// <param name="window">Keys a query sees at most, itself included.</param>
    /// <returns>(heads, queries * group) in float32.</returns>
    public static Tensor InPlace(Tensor scores, double scale, long group, long ahead, long? window)
    {
        var sums = empty(scores.shape[0], scores.shape[1]);
        var rows = new Rows
        {
            Scores = Tensors.At<byte>(scores),
            Sums = Tensors.At<float>(sums),
            Scale = (float)scale,
            PerHead = (int)scores.shape[1],
            Group = (int)group,
            Keys = (int)scores.shape[2],
            Ahead = (int)ahead,
            Window = (int)Math.Min(window ?? int.MaxValue, int.MaxValue),
        };
        int count = (int)(scores.shape[0] * scores.shape[1]);
        if (scores.dtype == bfloat16) TorchThreads.ForRows(count, &Half, &rows);
        else TorchThreads.ForRows(count, &Whole, &rows);
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Whole(void* arguments, int first, int end)
    {
        var rows = (Rows*)arguments;
        for (long row = first; row < end; row++)
        {
            float* scores = (float*)rows->Scores + row * rows->Keys;
            var (from, to) = rows->Seen(row);
            new Span<float>(scores, from).Clear();
            new Span<float>(scores + to, rows->Keys - to).Clear();
            rows->Sums[row] = Exponentials(scores + from, to - from, rows->Scale);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Half(void* arguments, int first, int end)
    {
        var rows = (Rows*)arguments;
        float[] buffer = new float[rows->Keys]; // a row at a time, in the nearest cache
        fixed (float* wide = buffer)
            for (long row = first; row < end; row++)
            {
                ushort* scores = (ushort*)rows->Scores + row * rows->Keys;
                var (from, to) = rows->Seen(row);
                new Span<ushort>(scores, from).Clear();
                new Span<ushort>(scores + to, rows->Keys - to).Clear();
                BFloat16.Widen(scores + from, wide, to - from);
                rows->Sums[row] = Exponentials(wide, to - from, rows->Scale);
                BFloat16.Narrow(wide, scores + from, to - from);
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentials(float* scores, int count, float scale)
    {
        int width = Vector256<float>.Count, whole = count - count % width;
        float most = float.NegativeInfinity, sum = 0;
        var mosts = Vector256.Create(most);
        for (int i = 0; i < whole; i += width) mosts = Vector256.MaxNative(mosts, Vector256.Load(scores + i)); // a NaN comes back in the sum
        for (int i = 0; i < width; i++) most = MathF.Max(most, mosts[i]);
        for (int i = whole; i < count; i++) most = MathF.Max(most, scores[i]);
        mosts = Vector256.Create(most);
        var sums = Vector256<float>.Zero;
        for (int i = 0; i < whole; i += width)
        {
            var value = VectorExp.OfNegative((Vector256.Load(scores + i) - mosts) * scale);
            value.Store(scores + i);
            sums += value;
        }
        for (int i = whole; i < count; i++) sum += scores[i] = VectorExp.OfNegative(Vector256.Create((scores[i] - most) * scale))[0];
        return sum + Vector256.Sum(sums);
    }

    private struct Rows
    {
        public byte* Scores;
        public float* Sums;
        public float Scale;
        public int PerHead, Group, Keys, Ahead, Window;

        /// <summary>The keys that a row's query sees.</summary>
        public readonly (int From, int To) Seen(long row)
        {
            int to = Ahead + (int)(row % PerHead) / Group + 1;
            return (Math.Max(0, to - Window), to);
        }
    }
}
