using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sleb.Torch.Families;

namespace Sleb.Torch.Natives;

/// <summary>A weight in eight bits, for products with what an input differs by from another one whose product is known.</summary>
/// <remarks>
/// x W^T = r W^T + (x - r) W^T, of which r W^T is given. The difference is rounded to eight bits row by row and W output by
/// output (symmetric, the largest magnitude is 127), so the error is a share of the difference and not of x: where a block more or less
/// changes little, as it does for the candidates that matter, it is as small as bfloat16's. Eight-bit sums are exact (int32).
/// libtorch exports the product (_int_mm, oneDNN's, with VNNI or AMX where there is) and TorchSharp does not offer it.
/// </remarks>
internal sealed unsafe class Int8Matrix : IDisposable
{
    private static readonly LibTorchFunctions? Functions = LibTorchFunctions.Find();

    private readonly Tensor _turned; // (inputs, outputs)
    private readonly Tensor _steps; // (outputs): what one unit of a weight is worth
    private readonly int _outputs;

    private Int8Matrix(Tensor turned, Tensor steps)
    {
        (_turned, _steps) = (turned.DetachFromDisposeScope(), steps.DetachFromDisposeScope());
        _outputs = (int)turned.shape[1];
    }

    /// <summary>Whether libtorch offers the product here.</summary>
    public static bool IsAvailable => Functions is not null;

    /// <param name="weight">(outputs, inputs).</param>
    /// <returns>Null where libtorch has no such product, or the weight is another's: not float32, on a GPU, or of an odd size.</returns>
    public static Int8Matrix? Create(Tensor weight)
    {
        if (Functions is null || weight.dtype != float32 || !Tensors.AreOurs(weight)) return null;
        if (weight.shape[1] % (4 * Vector256<float>.Count) != 0 || weight.shape[0] % (2 * Vector256<float>.Count) != 0) return null;
        using var none = no_grad();
        using var scope = NewDisposeScope();
        // What stays is made first: behind what comes and goes it would leave a gap.
        var (values, steps) = (empty(weight.shape, dtype: int8), empty(weight.shape[0], 1));
        steps.copy_(weight.abs().amax([-1], keepdim: true).Over(RoundedDifference.Most).Plus(float.Epsilon));
        values.copy_(weight.div(steps).round_());
        return new Int8Matrix(values.t(), steps.squeeze(1));
    }

    /// <summary>x W^T = <paramref name="known"/> + (x - r) W^T in float32: (rows, outputs), whatever shape the rows have.</summary>
    /// <param name="difference">x - r.</param>
    /// <param name="known">r W^T in bfloat16: (period, outputs).</param>
    /// <param name="exactly">The product of rows of x in float32.</param>
    public Tensor Multiply(RoundedDifference difference, nint known, Func<Tensor, Tensor> exactly)
    {
        int rows = difference.Rows, period = difference.Period;
        var y = empty([.. difference.Shape[..^1], _outputs]);
        Functions!.Multiply(Tensors.At<int>(y), rows, _outputs, difference.Values, _turned);
        var total = new Total { Values = Tensors.At<float>(y), RowSteps = Tensors.At<float>(difference.Steps), Steps = Tensors.At<float>(_steps), Known = (ushort*)known, Size = _outputs, Period = period };
        TorchThreads.ForRows(rows, &Add, &total);
        foreach (var (start, which, x) in difference.Exceptions)
        {
            using var scope = NewDisposeScope();
            y.view(rows, _outputs).narrow(0, start, period).index_copy_(0, which, exactly(x));
        }
        return y;
    }

    public void Dispose()
    {
        _turned.Dispose();
        _steps.Dispose();
    }

    /// <summary>From eight-bit sums, in place, to what they are worth and what is known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(void* arguments, int first, int end)
    {
        var given = *(Total*)arguments;
        int width = Vector256<float>.Count;
        for (long row = first; row < end; row++)
        {
            var step = Vector256.Create(given.RowSteps[row]);
            float* values = given.Values + row * given.Size;
            ushort* known = given.Known + row % given.Period * given.Size;
            for (int i = 0; i < given.Size; i += 2 * width)
            {
                var (low, high) = BFloat16.Load(known + i);
                Sum(values + i, step, given.Steps + i, low);
                Sum(values + i + width, step, given.Steps + i + width, high);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Sum(float* at, Vector256<float> row, float* steps, Vector256<float> known) =>
            Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(Vector256.Load((int*)at)) * row, Vector256.Load(steps), known).Store(at);
    }

    private struct Total
    {
        public float* Values, RowSteps, Steps;
        public ushort* Known;
        public int Size, Period;
    }

    /// <summary>libtorch's C interface (torch/csrc/inductor/aoti_torch), as far as it is needed. A tensor is a pointer to an at::Tensor, as in TorchSharp.</summary>
    private sealed class LibTorchFunctions(nint product, nint wrap, nint free)
    {
        private const int Int32 = 3, Cpu = 0;

        private readonly delegate* unmanaged<nint, nint, nint, int> _product = (delegate* unmanaged<nint, nint, nint, int>)product;
        private readonly delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int> _wrap =
            (delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int>)wrap;
        private readonly delegate* unmanaged<nint, int> _free = (delegate* unmanaged<nint, int>)free;

        public static LibTorchFunctions? Find() => LibTorch.Library("libtorch_cpu.so") is { } library
            && NativeLibrary.TryGetExport(library, "aoti_torch_cpu__int_mm_out", out nint product)
            && NativeLibrary.TryGetExport(library, "aoti_torch_create_tensor_from_blob", out nint wrap)
            && NativeLibrary.TryGetExport(library, "aoti_torch_delete_tensor_object", out nint free) ? new(product, wrap, free) : null;

        /// <summary>int8 (rows, inputs) times (inputs, outputs) to int32 (rows, outputs), which is not allocated here.</summary>
        public void Multiply(int* to, long rows, long outputs, Tensor left, Tensor right)
        {
            long* sizes = stackalloc long[] { rows, outputs }, strides = stackalloc long[] { outputs, 1 };
            nint result = 0;
            if (_wrap(to, 2, sizes, strides, 0, Int32, Cpu, 0, &result) != 0) throw Refused(rows, outputs, right);
            int fault = _product(result, left.Handle, right.Handle);
            _ = _free(result);
            if (fault != 0) throw Refused(rows, outputs, right);
        }

        private static InvalidOperationException Refused(long rows, long outputs, Tensor right) =>
            new($"libtorch refused an eight-bit product of {rows} x {right.shape[0]} with {right.shape[0]} x {outputs}.");
    }
}
