using System.Runtime.InteropServices;

namespace Sleb.Torch.Natives;

/// <summary>
/// A float32 weight in the order in which MKL's kernels read it, for inputs of one number of rows. MKL otherwise rearranges it for every
/// product, which takes 5 to 10 % of the time; the results are the same to the bit.
/// </summary>
/// <remarks>
/// Intel's packed interface (sgemm_pack, sgemm_compute), which TorchSharp does not offer and libtorch exports. Where it does not, nothing
/// is packed. It takes the weight's memory once more: MKL asks for more, but leaves the rest untouched.
/// </remarks>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private const byte A = (byte)'A', Packed = (byte)'P', Transposed = (byte)'T', AsItLies = (byte)'N';

    private static readonly Mkl? Functions = Mkl.Find();

    private readonly int _rows, _outputs, _inputs;
    private float* _values;

    private PackedMatrix(int rows, int outputs, int inputs, nuint bytes)
    {
        (_rows, _outputs, _inputs) = (rows, outputs, inputs);
        _values = (float*)NativeMemory.AlignedAlloc(bytes, 64);
    }

    /// <param name="weight">(outputs, inputs), as it lies in memory.</param>
    /// <param name="rows">Of every input that will be multiplied.</param>
    /// <returns>Null where MKL is not to be had, or the weight is another's: not float32, on a GPU, or a view with gaps.</returns>
    public static PackedMatrix? Create(Tensor weight, int rows)
    {
        if (Functions is not { } mkl || weight.dtype != float32 || weight.device.type != TorchSharp.DeviceType.CPU || !weight.is_contiguous()) return null;
        int outputs = (int)weight.shape[0], inputs = (int)weight.shape[1];
        byte matrix = A, turned = Transposed;
        float one = 1;
        // Fortran's matrices are column by column: ours, row by row, are the same ones transposed.
        var packed = new PackedMatrix(rows, outputs, inputs, mkl.PackGetSize(&matrix, &outputs, &rows, &inputs));
        fixed (byte* values = weight.bytes) mkl.Pack(&matrix, &turned, &outputs, &rows, &inputs, &one, (float*)values, &inputs, packed._values);
        return packed;
    }

    /// <summary>x W^T: (rows, inputs) to (rows, outputs), whatever shape the rows have.</summary>
    public Tensor Multiply(Tensor input)
    {
        ObjectDisposedException.ThrowIf(_values is null, this);
        using var x = input.contiguous();
        var y = empty([.. x.shape[..^1], _outputs]);
        int rows = _rows, outputs = _outputs, inputs = _inputs;
        byte packed = Packed, plain = AsItLies;
        float zero = 0;
        fixed (byte* from = x.bytes)
        fixed (byte* to = y.bytes)
            Functions!.Compute(&packed, &plain, &outputs, &rows, &inputs, _values, &inputs, (float*)from, &inputs, &zero, (float*)to, &outputs);
        return y;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_values);
        _values = null;
    }

    private sealed class Mkl(nint packGetSize, nint pack, nint compute)
    {
        public readonly delegate* unmanaged<byte*, int*, int*, int*, nuint> PackGetSize = (delegate* unmanaged<byte*, int*, int*, int*, nuint>)packGetSize;
        public readonly delegate* unmanaged<byte*, byte*, int*, int*, int*, float*, float*, int*, float*, void> Pack =
            (delegate* unmanaged<byte*, byte*, int*, int*, int*, float*, float*, int*, float*, void>)pack;
        public readonly delegate* unmanaged<byte*, byte*, int*, int*, int*, float*, int*, float*, int*, float*, float*, int*, void> Compute =
            (delegate* unmanaged<byte*, byte*, int*, int*, int*, float*, int*, float*, int*, float*, float*, int*, void>)compute;

        public static Mkl? Find() => LibTorch.Library("libtorch_cpu.so") is { } library
            && NativeLibrary.TryGetExport(library, "SGEMM_PACK_GET_SIZE", out nint size)
            && NativeLibrary.TryGetExport(library, "SGEMM_PACK", out nint pack)
            && NativeLibrary.TryGetExport(library, "SGEMM_COMPUTE", out nint compute) ? new(size, pack, compute) : null;
    }
}
