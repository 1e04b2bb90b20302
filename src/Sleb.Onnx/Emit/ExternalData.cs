using System.Runtime.InteropServices;

namespace Sleb.Onnx.Emit;

/// <summary>The file of weights beside a graph, written front to back: no tensor is held longer than its own turn.</summary>
internal sealed class ExternalData(string path) : IDisposable
{
    // A cache line: the runtime maps the file and computes on the weights where they lie.
    private const int Alignment = 64;

    private readonly FileStream _stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 20);

    /// <summary>The name the graph refers to: bare and relative, so that the folder can move.</summary>
    public string FileName { get; } = Path.GetFileName(path);

    public long Position => _stream.Position;

    public void Align()
    {
        Span<byte> zeros = stackalloc byte[Alignment];
        zeros.Clear();
        _stream.Write(zeros[..(int)((Alignment - Position % Alignment) % Alignment)]);
    }

    public void Write(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    public void Write(ReadOnlySpan<float> values) => _stream.Write(MemoryMarshal.AsBytes(values));

    public void Dispose() => _stream.Dispose();
}
