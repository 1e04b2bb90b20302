using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sleb.Torch.Families;

namespace Sleb.Torch.Natives;

/// <summary>What an input differs by from another one, in eight bits: (x - r) row by row, the largest magnitude of a row is 127.</summary>
internal sealed unsafe class RoundedDifference : IDisposable
{
    /// <summary>The largest magnitude, as of weights in eight bits.</summary>
    public const int Most = 127;

    /// <summary>
    /// A row that changes so many times more than the mean of all is computed exactly. The first token of a text is such a row where a
    /// removed block made its activations a thousand times the others': all tokens attend to it, so a share of its change would be too much.
    /// </summary>
    private const int Exceptional = 8;

    /// <param name="x">(rows, inputs), float32, whatever shape the rows have; one or more inputs, one below the other, of as many rows as the known product has.</param>
    public RoundedDifference(Tensor x, KnownProduct known)
    {
        int inputs = (int)x.shape[^1];
        (Shape, Rows, Period, Reference) = (x.shape, (int)(x.numel() / inputs), known.Rows, known.Input);
        (Values, Steps) = (empty([Rows, inputs], dtype: int8).DetachFromDisposeScope(), empty(Rows).DetachFromDisposeScope());
        using var contiguous = x.contiguous();
        var difference = new Difference { X = Tensors.At<float>(contiguous), Reference = (ushort*)known.Input, To = Tensors.At<sbyte>(Values), Steps = Tensors.At<float>(Steps), Size = inputs, Period = Period };
        TorchThreads.ForRows(Rows, &Round, &difference);
        using var flat = contiguous.view(Rows, inputs);
        Exceptions = FindExceptions(flat);
    }

    /// <summary>x's.</summary>
    public long[] Shape { get; }

    public int Rows { get; }

    /// <summary>Rows of an input.</summary>
    public int Period { get; }

    /// <summary>r, in bfloat16: (period, inputs).</summary>
    public nint Reference { get; }

    /// <summary>(rows, inputs).</summary>
    public Tensor Values { get; }

    /// <summary>What one unit of a row is worth: (rows).</summary>
    public Tensor Steps { get; }

    /// <summary>For each input that has such rows its first row, which they are, counted from there, and their x.</summary>
    /// <remarks>One input at a time: the last bits of a product depend on its number of rows.</remarks>
    public IReadOnlyList<(int Start, Tensor Which, Tensor X)> Exceptions { get; }

    public void Dispose()
    {
        Values.Dispose();
        Steps.Dispose();
        foreach (var (_, which, x) in Exceptions)
        {
            which.Dispose();
            x.Dispose();
        }
    }

    private List<(int Start, Tensor Which, Tensor X)> FindExceptions(Tensor x)
    {
        var found = new List<(int, Tensor, Tensor)>();
        for (int start = 0; start < Rows; start += Period)
        {
            var steps = new ReadOnlySpan<float>(Tensors.At<float>(Steps) + start, Period);
            double sum = 0;
            foreach (float step in steps) sum += step;
            var exceptions = new List<long>();
            for (int row = 0; row < Period; row++)
                if (steps[row] > Exceptional * sum / Period) exceptions.Add(row);
            if (exceptions.Count == 0) continue;
            using var scope = NewDisposeScope();
            var which = tensor(exceptions.ToArray());
            found.Add((start, which.DetachFromDisposeScope(), x.narrow(0, start, Period).index_select(0, which).DetachFromDisposeScope()));
        }
        return found;
    }

    /// <summary>Each row of x - r to eight bits. A row that is not finite gets a step that is not either, and stays so in the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(void* arguments, int first, int end)
    {
        var given = *(Difference*)arguments;
        int size = given.Size, width = Vector256<float>.Count;
        float* difference = stackalloc float[size];
        for (long row = first; row < end; row++)
        {
            float* x = given.X + row * size;
            ushort* reference = given.Reference + row % given.Period * size;
            var most = Vector256<int>.Zero; // magnitudes as integers, which are in the same order, and a NaN is the largest
            for (int i = 0; i < size; i += 2 * width)
            {
                var (low, high) = BFloat16.Load(reference + i);
                low = Vector256.Load(x + i) - low;
                high = Vector256.Load(x + i + width) - high;
                low.Store(difference + i);
                high.Store(difference + i + width);
                most = Vector256.Max(most, Vector256.Max(Vector256.Abs(low).AsInt32(), Vector256.Abs(high).AsInt32()));
            }
            int bits = 1; // the smallest number above 0
            for (int i = 0; i < width; i++) bits = Math.Max(bits, most[i]);
            float largest = BitConverter.Int32BitsToSingle(bits);
            given.Steps[row] = largest / Most;
            var scale = Vector256.Create(Most / largest);
            for (int i = 0; i < size; i += 4 * width)
                Vector256.Narrow(
                    Vector256.Narrow(Whole(difference + i, scale), Whole(difference + i + width, scale)),
                    Vector256.Narrow(Whole(difference + i + 2 * width, scale), Whole(difference + i + 3 * width, scale))).Store(given.To + row * size + i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<int> Whole(float* at, Vector256<float> scale) => Vector256.ConvertToInt32Native(Vector256.Round(Vector256.Load(at) * scale));
    }

    private struct Difference
    {
        public float* X, Steps;
        public ushort* Reference;
        public sbyte* To;
        public int Size, Period;
    }
}
