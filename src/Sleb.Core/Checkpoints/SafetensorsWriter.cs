using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sleb.Core.Checkpoints;

/// <summary>Writes a safetensors file without holding a tensor: the header is computed from names and shapes, the bytes are streamed in.</summary>
/// <remarks>The same entries give the same bytes as the reference's <c>save_file</c>: wider element types first, then by name.</remarks>
internal static class SafetensorsWriter
{
    private const int BufferBytes = 4 << 20;

    /// <param name="Name">The name in the file.</param>
    public sealed record Tensor(string Name, TensorType Type, long[] Shape)
    {
        public long Bytes => checked(Shape.Aggregate(1L, (product, dimension) => checked(product * dimension)) * TensorEntry.BytesPerElement(Type));
    }

    /// <summary>Fills <paramref name="destination"/> with the bytes of <paramref name="tensor"/> that start at <paramref name="from"/>.</summary>
    public delegate void Fill(Tensor tensor, long from, Span<byte> destination);

    /// <exception cref="IOException">The file exists, cannot be written, or does not fit the disk.</exception>
    public static void Write(string path, IEnumerable<Tensor> tensors, Fill fill, CancellationToken cancellationToken)
    {
        // The type's order in the format's list, not ours, decides: BF16 stands behind F16 there and is written before it.
        Tensor[] ordered = [.. tensors.OrderBy(t => t.Type switch { TensorType.F32 => 0, TensorType.BF16 => 1, _ => 2 })
            .ThenBy(t => t.Name, StringComparer.Ordinal)];
        byte[] header = Header(ordered);
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            PreallocationSize = header.Length + ordered.Sum(t => t.Bytes), // a full disk shows before the first byte, not after an hour
        });
        stream.Write(header);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            foreach (var tensor in ordered)
                for (long from = 0; from < tensor.Bytes;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var chunk = buffer.AsSpan(0, (int)Math.Min(BufferBytes, tensor.Bytes - from));
                    fill(tensor, from, chunk);
                    stream.Write(chunk);
                    from += chunk.Length;
                }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The length and the JSON, padded with spaces so that the data starts at a multiple of 8.</summary>
    private static byte[] Header(Tensor[] tensors)
    {
        var bytes = new ArrayBufferWriter<byte>();
        bytes.Write(stackalloc byte[8]);
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt"); // transformers refuses a file without it
            json.WriteEndObject();
            long offset = 0;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                json.WriteStartArray("shape");
                foreach (long dimension in tensor.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (bytes.WrittenCount % 8 != 0) bytes.Write(" "u8);
        byte[] header = bytes.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        return header;
    }
}
