using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sleb.Tests;

/// <summary>The tensors of a reference's expected.safetensors: int64 and float32, unlike a checkpoint's.</summary>
internal sealed class ExpectedTensors
{
    private readonly byte[] _file;
    private readonly JsonElement _header;

    public ExpectedTensors(string path)
    {
        _file = File.ReadAllBytes(path);
        _header = JsonDocument.Parse(_file.AsMemory(8, (int)BinaryPrimitives.ReadInt64LittleEndian(_file))).RootElement;
    }

    public IEnumerable<string> Names => _header.EnumerateObject().Select(property => property.Name).Where(name => name != "__metadata__");

    public float[] Floats(string name) => Read<float>(name);

    public long[] Longs(string name) => Read<long>(name);

    private T[] Read<T>(string name) where T : unmanaged
    {
        var offsets = _header.GetProperty(name).GetProperty("data_offsets");
        int start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(_file);
        return MemoryMarshal.Cast<byte, T>(_file.AsSpan((start + offsets[0].GetInt32())..(start + offsets[1].GetInt32()))).ToArray();
    }
}
