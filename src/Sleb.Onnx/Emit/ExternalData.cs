using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>The file of weights beside a graph, written front to back: no tensor is held longer than its own turn.</summary>
/// <param name="type">What numbers are stored as: float32, float16 or bfloat16.</param>
internal sealed class ExternalData(string path, DataType type = DataType.Float) : IDisposable
{
    // A cache line: the runtime maps the file and computes on the weights where they lie.
    private const int Alignment = 64;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private FileStream? _opened;

    // Not there before the first weight: a graph that shares another's weights writes none.
    private FileStream Stream => _opened ??= new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);

    /// <summary>The name the graph refers to: bare and relative, so that the folder can move.</summary>
    public string FileName { get; } = Path.GetFileName(path);

    public long Position => Stream.Position;

    public DataType Type => type;

    /// <summary>SHA-256 of what was written so far: what the file has to hold.</summary>
    public string Sha256 => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public void Align()
    {
        Span<byte> zeros = stackalloc byte[Alignment];
        zeros.Clear();
        WriteBytes(zeros[..(int)((Alignment - Position % Alignment) % Alignment)]);
    }

    /// <summary>Numbers, each rounded to the nearest one of <see cref="Type"/>.</summary>
    public void Write(ReadOnlySpan<float> values)
    {
        if (type == DataType.Float)
        {
            WriteBytes(MemoryMarshal.AsBytes(values));
            return;
        }
        Span<ushort> rounded = stackalloc ushort[1024];
        for (int done = 0; done < values.Length; done += rounded.Length)
        {
            var part = values[done..Math.Min(values.Length, done + rounded.Length)];
            FloatTypes.Round(type, part, rounded);
            WriteBytes(MemoryMarshal.AsBytes(rounded[..part.Length]));
        }
    }

    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        Stream.Write(bytes);
        _hash.AppendData(bytes);
    }

    public void Dispose()
    {
        _opened?.Dispose();
        _hash.Dispose();
    }
}
