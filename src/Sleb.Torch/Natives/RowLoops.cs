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
        if (!IsPlain(x) || !IsPlain(weight)) return null;
        var y = empty(x.shape);
        var norm = new Norm { X = Tensors.At<float>(x), Weight = Tensors.At<float>(weight), Y = Tensors.At<float>(y), Size = (int)x.shape[^1], Epsilon = (float)epsilon };
        TorchThreads.ForRows((int)(x.numel() / norm.Size), &Normalize, &norm);
        return y;
    }

    /// <summary>silu(gate) * up = gate / (1 + e^-gate) * up (Shazeer 2020).</summary>
    public static Tensor? SiluTimes(Tensor gate, Tensor up)
    {
        if (!IsPlain(gate) || !IsPlain(up)) return null;
        var y = empty(gate.shape);
        var product = new Gated { Gate = Tensors.At<float>(gate), Up = Tensors.At<float>(up), Y = Tensors.At<float>(y), Size = (int)gate.shape[^1] };
        TorchThreads.ForRows((int)(gate.numel() / product.Size), &Gate, &product);
        return y;
    }

    /// <summary>(l, r) to (l cos - r sin, r cos + l sin) for the two halves of each head: (B, heads, T, D), heads beside each other or not, without gaps in D.</summary>
    /// <param name="cos">And <paramref name="sin"/>: (T, D / 2).</param>
    public static Tensor? Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        if (x.dtype != float32 || !Tensors.AreOurs(x) || x.stride(3) != 1 || !IsPlain(cos) || !IsPlain(sin) || x.shape[3] != 2 * cos.shape[1]) return null;
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

    /// <summary>(B, heads, T, D) to (B * heads / group, T * group, D), in float32 or bfloat16: some neighbouring heads of a token beside each other.</summary>
    /// <param name="x">Without gaps in D.</param>
    public static Tensor? Group(Tensor x, long group, ScalarType type)
    {
        if (x.dtype != float32 || !Tensors.AreOurs(x) || x.stride(3) != 1 || type != float32 && type != bfloat16) return null;
        var y = empty([x.shape[0] * x.shape[1] / group, x.shape[2] * group, x.shape[3]], dtype: type);
        using var first = x[0, 0, 0];
        var order = new Order
        {
            X = Tensors.At<float>(first),
            Y = Tensors.At<byte>(y),
            ToHalf = type == bfloat16,
            Heads = (int)x.shape[1],
            Length = (int)x.shape[2],
            Size = (int)x.shape[3],
            Group = (int)group,
            OfBatch = x.stride(0),
            OfHead = x.stride(1),
            OfToken = x.stride(2),
        };
        TorchThreads.ForRows((int)(x.shape[0] * x.shape[1] * x.shape[2]), &Group, &order);
        return y;
    }

    /// <summary>The logarithm of each row's sum of exponentials, in float64: (rows, columns) to (rows).</summary>
    /// <param name="weights">(columns): what each exponential counts; null is 1.</param>
    public static Tensor? LogSumExp(Tensor x, Tensor? weights = null)
    {
        if (x.dtype != float32 || !Tensors.AreOurs(x) || !x.is_contiguous()) return null;
        var y = empty([x.shape[0]], dtype: float64);
        var sums = new Sums { X = Tensors.At<float>(x), Weights = weights is null ? null : Tensors.At<float>(weights), Y = Tensors.At<double>(y), Size = (int)x.shape[1] };
        TorchThreads.ForRows((int)x.shape[0], &Sum, &sums);
        return y;
    }

    /// <summary>Attention's weighted sums of values over their weights, from head by head to token by token.</summary>
    /// <param name="x">(B * heads / group, queries * group, D), float32 or bfloat16.</param>
    /// <param name="sums">(B * heads / group, queries * group).</param>
    /// <param name="group">Heads of a token that lie beside each other.</param>
    /// <param name="to">(B, T, heads, D): the queries' tokens from <paramref name="first"/> on are written.</param>
    /// <returns>Whether it was done.</returns>
    public static bool Divide(Tensor x, Tensor sums, long group, Tensor to, long first)
    {
        if (!Tensors.AreOurs(x) || !x.is_contiguous() || !IsPlain(to) || x.dtype != bfloat16 && x.dtype != float32) return false;
        var mean = new Mean
        {
            X = Tensors.At<byte>(x),
            Sums = Tensors.At<float>(sums),
            To = Tensors.At<float>(to),
            IsHalf = x.dtype == bfloat16,
            PerHead = (int)x.shape[1],
            Group = (int)group,
            Heads = (int)to.shape[2],
            Length = (int)to.shape[1],
            Size = (int)x.shape[2],
            First = (int)first,
        };
        TorchThreads.ForRows((int)(x.shape[0] * x.shape[1]), &Divide, &mean);
        return true;
    }

    /// <summary>A tensor of float32 without gaps, in bfloat16.</summary>
    public static void ToBFloat16(Tensor x, ushort* to)
    {
        var copy = new Narrowed { X = Tensors.At<float>(x), To = to, Size = (int)x.shape[^1] };
        TorchThreads.ForRows((int)(x.numel() / copy.Size), &Narrow, &copy);
    }

    private static bool IsPlain(Tensor x) =>
        x.dtype == float32 && Tensors.AreOurs(x) && x.is_contiguous() && x.shape[^1] % (2 * Vector256<float>.Count) == 0;

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

    private static void Group(void* arguments, int first, int end)
    {
        var given = *(Order*)arguments;
        int keyHeads = given.Heads / given.Group;
        for (int row = first; row < end; row++)
        {
            int token = row / given.Group % given.Length, keyHead = row / given.Group / given.Length % keyHeads;
            int head = keyHead * given.Group + row % given.Group, batch = row / given.Group / given.Length / keyHeads;
            float* x = given.X + batch * given.OfBatch + head * given.OfHead + token * given.OfToken;
            if (given.ToHalf) BFloat16.Narrow(x, (ushort*)given.Y + (long)row * given.Size, given.Size);
            else new ReadOnlySpan<float>(x, given.Size).CopyTo(new Span<float>((float*)given.Y + (long)row * given.Size, given.Size));
        }
    }

    private static void Narrow(void* arguments, int first, int end)
    {
        var given = *(Narrowed*)arguments;
        for (long row = first; row < end; row++) BFloat16.Narrow(given.X + row * given.Size, given.To + row * given.Size, given.Size);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Divide(void* arguments, int first, int end)
    {
        var given = *(Mean*)arguments;
        int size = given.Size, width = Vector256<float>.Count;
        for (int row = first; row < end; row++)
        {
            int keyHeads = given.Heads / given.Group, query = row % given.PerHead / given.Group, keyHead = row / given.PerHead % keyHeads;
            int head = keyHead * given.Group + row % given.Group, batch = row / given.PerHead / keyHeads;
            float* to = given.To + (((long)batch * given.Length + given.First + query) * given.Heads + head) * size;
            var sum = Vector256.Create(given.Sums[row]);
            if (given.IsHalf)
            {
                ushort* x = (ushort*)given.X + (long)row * size;
                for (int i = 0; i < size; i += 2 * width)
                {
                    var (low, high) = BFloat16.Load(x + i);
                    (low / sum).Store(to + i);
                    (high / sum).Store(to + i + width);
                }
            }
            else
            {
                float* x = (float*)given.X + (long)row * size;
                for (int i = 0; i < size; i += width) (Vector256.Load(x + i) / sum).Store(to + i);
            }
        }
    }

    private struct Sums
    {
        public float* X, Weights;
        public double* Y;
        public int Size;
    }

    private struct Mean
    {
        public byte* X;
        public float* Sums, To;
        public bool IsHalf;
        public int PerHead, Group, Heads, Length, Size, First;
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

    private struct Order
    {
        public float* X;
        public byte* Y;
        public bool ToHalf;
        public int Heads, Length, Size, Group;
        public long OfBatch, OfHead, OfToken;
    }

    private struct Turn
    {
        public float* X, Cos, Sin, Y;
        public int Heads, Length, Half;
        public long OfBatch, OfHead, OfToken;
    }
}
