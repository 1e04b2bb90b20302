using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

/// <summary>What a model does between its products, each in one pass over the numbers, where libtorch takes two to six.</summary>
/// <remarks>For float32 on the CPU, in whole vectors; where a tensor is another one, the answer is null and libtorch's operations do it.</remarks>
internal static unsafe class RowLoops
{
    /// <summary>x / sqrt(mean(x^2) + eps) * w, over the last dimension.</summary>
    public static Tensor? RootMeanSquareNorm(Tensor x, Tensor weight, double epsilon)
    {
        if (!Tensors.IsPlain(x) || !Tensors.IsPlain(weight)) return null;
        var y = empty(x.shape);
        var norm = new Norm { X = Tensors.At<float>(x), Weight = Tensors.At<float>(weight), Y = Tensors.At<float>(y), Size = (int)x.shape[^1], Epsilon = (float)epsilon };
        TorchThreads.ForRows((int)(x.numel() / norm.Size), &Normalize, &norm);
        return y;
    }

    /// <summary>silu(gate) * up = gate / (1 + e^-gate) * up (Shazeer 2020).</summary>
    public static Tensor? SiluTimes(Tensor gate, Tensor up)
    {
        if (!Tensors.IsPlain(gate) || !Tensors.IsPlain(up)) return null;
        var y = empty(gate.shape);
        var product = new Gated { Gate = Tensors.At<float>(gate), Up = Tensors.At<float>(up), Y = Tensors.At<float>(y), Size = (int)gate.shape[^1] };
        TorchThreads.ForRows((int)(gate.numel() / product.Size), &Gate, &product);
        return y;
    }

    /// <summary>(l, r) to (l cos - r sin, r cos + l sin) for the two halves of each head: (B, heads, T, D), heads beside each other or not, without gaps in D.</summary>
    /// <param name="cos">And <paramref name="sin"/>: (T, D / 2).</param>
    public static Tensor? Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        if (x.dtype != float32 || !Tensors.AreOurs(x) || x.stride(3) != 1 || !Tensors.IsPlain(cos) || !Tensors.IsPlain(sin) || x.shape[3] != 2 * cos.shape[1]) return null;
        var y = empty(x.shape);
        using var first = x[0, 0, 0];
        var turn = new Turn
        {
            X = Tensors.At<float>(first),
            Cos = Tensors.At<float>(cos),
            Sin = Tensors.At<float>(sin),
            Y = Tensors.At<float>(y),
            Heads = (int)x.shape[1],
            Length = (int)x.shape[2],
            Half = (int)cos.shape[1],
            OfBatch = x.stride(0),
            OfHead = x.stride(1),
            OfToken = x.stride(2),
        };
        TorchThreads.ForRows((int)(x.shape[0] * x.shape[1] * x.shape[2]), &Rotate, &turn);
        return y;
    }

    /// <summary>A tensor of float32 without gaps, in bfloat16.</summary>
    public static void ToBFloat16(Tensor x, ushort* to)
    {
        var copy = new Narrowed { X = Tensors.At<float>(x), To = to, Size = (int)x.shape[^1] };
        TorchThreads.ForRows((int)(x.numel() / copy.Size), &Narrow, &copy);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(void* arguments, int first, int end)
    {
        var given = *(Norm*)arguments;
        int size = given.Size, width = Vector256<float>.Count;
        for (long row = first; row < end; row++)
        {
            float* x = given.X + row * size, y = given.Y + row * size;
            Vector256<float> even = Vector256<float>.Zero, odd = even;
            for (int i = 0; i < size; i += 2 * width)
            {
                Vector256<float> low = Vector256.Load(x + i), high = Vector256.Load(x + i + width);
                even = Vector256.FusedMultiplyAdd(low, low, even);
                odd = Vector256.FusedMultiplyAdd(high, high, odd);
            }
            var scale = Vector256.Create(1 / MathF.Sqrt(Vector256.Sum(even + odd) / size + given.Epsilon));
            for (int i = 0; i < size; i += width) (Vector256.Load(x + i) * scale * Vector256.Load(given.Weight + i)).Store(y + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gate(void* arguments, int first, int end)
    {
        var given = *(Gated*)arguments;
        for (long i = (long)first * given.Size; i < (long)end * given.Size; i += Vector256<float>.Count)
        {
            var gate = Vector256.Load(given.Gate + i);
            var small = VectorExp.OfNegative(-Vector256.Abs(gate)); // never overflows: for a negative gate both sides are multiplied with e^gate
            var share = Vector256.ConditionalSelect(Vector256.LessThan(gate, Vector256<float>.Zero), small, Vector256<float>.One) / (Vector256<float>.One + small);
            (gate * share * Vector256.Load(given.Up + i)).Store(given.Y + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rotate(void* arguments, int first, int end)
    {
        var given = *(Turn*)arguments;
        for (int row = first; row < end; row++)
        {
            int token = row % given.Length, head = row / given.Length % given.Heads, batch = row / given.Length / given.Heads;
            float* x = given.X + batch * given.OfBatch + head * given.OfHead + token * given.OfToken, y = given.Y + (long)row * 2 * given.Half;
            for (int i = 0; i < given.Half; i += Vector256<float>.Count)
            {
                Vector256<float> left = Vector256.Load(x + i), right = Vector256.Load(x + given.Half + i);
                Vector256<float> cos = Vector256.Load(given.Cos + token * given.Half + i), sin = Vector256.Load(given.Sin + token * given.Half + i);
                Vector256.FusedMultiplyAdd(-right, sin, left * cos).Store(y + i);
                Vector256.FusedMultiplyAdd(left, sin, right * cos).Store(y + given.Half + i);
            }
        }
    }

    private static void Narrow(void* arguments, int first, int end)
    {
        var given = *(Narrowed*)arguments;
        for (long row = first; row < end; row++) BFloat16.Narrow(given.X + row * given.Size, given.To + row * given.Size, given.Size);
    }

    private struct Narrowed
    {
        public float* X;
        public ushort* To;
        public int Size;
    }

    private struct Norm
    {
        public float* X, Weight, Y;
        public int Size;
        public float Epsilon;
    }

    private struct Gated
    {
        public float* Gate, Up, Y;
        public int Size;
    }

    private struct Turn
    {
        public float* X, Cos, Sin, Y;
        public int Heads, Length, Half;
        public long OfBatch, OfHead, OfToken;
    }
}
