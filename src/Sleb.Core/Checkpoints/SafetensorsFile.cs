using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Sleb.Core.Checkpoints;

/// <summary>
/// The header of one safetensors file: 8 bytes little-endian header length, a JSON object of tensors, then the data.
/// A file nobody should trust: every length, offset and type is checked before a byte of data is read.
/// </summary>
/// <remarks>Format: https://github.com/huggingface/safetensors#format.</remarks>
internal static class SafetensorsFile
{
    /// <summary>The same cap as the reference implementation has.</summary>
    private const long MaxHeaderBytes = 100_000_000;

    /// <summary>PyTorch has no tensor of more dimensions.</summary>
    private const int MaxDimensions = 64;

    private const int MaxNameLength = 512;

    /// <summary>Masks were saved as bytes or booleans.</summary>
    private static readonly Dictionary<string, int> BufferElementBytes = new(StringComparer.Ordinal) { ["BOOL"] = 1, ["U8"] = 1, ["I64"] = 8 };

    /// <param name="buffers">Ends of names of tables that are no weights: checked like all others, then left out, and of any element type.</param>
    public static IReadOnlyList<TensorEntry> ReadHeader(string path, IReadOnlyList<string>? buffers = null)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        Span<byte> prefix = stackalloc byte[8];
        if (stream.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
            throw Bad(path, $"is {stream.Length} bytes long, too short for the 8-byte header length; download it again");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes)
            throw Bad(path, $"announces a header of {length} bytes, more than the {MaxHeaderBytes} the format allows; it is not a safetensors file or is damaged");
        if ((long)length > stream.Length - 8)
            throw Bad(path, $"announces a header of {length} bytes but has only {stream.Length - 8} after the length; it is truncated, download it again");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        long dataStart = 8 + (long)length;
        var tensors = Parse(path, header, dataStart, stream.Length - dataStart, buffers ?? []);
        CheckCoverage(path, tensors, dataStart, stream.Length - dataStart);
        return [.. tensors.Select(tensor => tensor.Weight).OfType<TensorEntry>()];
    }

    private static List<Stored> Parse(string path, byte[] header, long dataStart, long dataBytes, IReadOnlyList<string> buffers)
    {
        if (!Utf8.IsValid(header)) throw Bad(path, "has a header that is not UTF-8 text; it is not a safetensors file or is damaged");
        var tensors = new List<Stored>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8 });
            if (json.RootElement.ValueKind != JsonValueKind.Object) throw Bad(path, "has a header that is not a JSON object");
            foreach (var property in json.RootElement.EnumerateObject())
            {
                CheckName(path, property.Name);
                if (!seen.Add(property.Name)) throw Bad(path, $"lists tensor '{property.Name}' twice");
                if (property.Name != "__metadata__") tensors.Add(ParseTensor(path, property, dataStart, dataBytes, buffers));
            }
        }
        catch (JsonException e)
        {
            throw Bad(path, $"has a header that is not valid JSON ({Excerpt.Of(e.Message)})", e);
        }
        catch (InvalidOperationException e) // half a surrogate pair in a name
        {
            throw Bad(path, $"has a header with unreadable text ({Excerpt.Of(e.Message)})", e);
        }
        return tensors;
    }

    /// <summary>Names end up in messages and in other files.</summary>
    private static void CheckName(string path, string name)
    {
        if (name.Length is 0 or > MaxNameLength || name.Any(char.IsControl))
            throw Bad(path, $"lists a tensor named '{Excerpt.Of(name)}' ({name.Length} characters); 1 to {MaxNameLength} characters without control characters are expected");
    }

    private static Stored ParseTensor(string path, JsonProperty property, long dataStart, long dataBytes, IReadOnlyList<string> buffers)
    {
        string name = property.Name;
        var value = property.Value;
        if (value.ValueKind != JsonValueKind.Object
            || Only(value, "dtype") is not { ValueKind: JsonValueKind.String } dtype
            || Only(value, "shape") is not { } shapeJson || Numbers(shapeJson) is not { } shape
            || Only(value, "data_offsets") is not { } offsetsJson || Numbers(offsetsJson) is not { Length: 2 } offsets)
            throw Bad(path, $"describes tensor '{name}' without one dtype, one shape and two data_offsets of non-negative integers");
        string typeName = dtype.GetString()!;
        bool buffer = buffers.Any(end => name.EndsWith(end, StringComparison.Ordinal));
        TensorType? type = typeName switch
        {
            "F32" => TensorType.F32,
            "F16" => TensorType.F16,
            "BF16" => TensorType.BF16,
            _ => buffer && BufferElementBytes.ContainsKey(typeName) ? null
                : throw Bad(path, $"holds tensor '{name}' as {Excerpt.Of(typeName)}; F32, F16 and BF16 are supported, so give the unquantized checkpoint"),
        };
        long expected;
        try
        {
            expected = shape.Aggregate(1L, (product, dimension) => checked(product * dimension));
            expected = checked(expected * (type is { } known ? TensorEntry.BytesPerElement(known) : BufferElementBytes[typeName]));
        }
        catch (OverflowException e)
        {
            throw Bad(path, $"gives tensor '{name}' the shape {TensorEntry.Format(shape)}, whose size overflows", e);
        }
        long bytes = offsets[1] - offsets[0];
        if (bytes < 0 || offsets[1] > dataBytes)
            throw Bad(path, $"places tensor '{name}' at bytes {offsets[0]}-{offsets[1]} of a data section of {dataBytes}; the file is truncated or damaged, download it again");
        if (bytes != expected)
            throw Bad(path, $"gives tensor '{name}' {bytes} bytes, but {typeName} {TensorEntry.Format(shape)} needs {expected}");
        return new Stored(name, dataStart + offsets[0], bytes, buffer ? null : new TensorEntry(name, type!.Value, shape, path, dataStart + offsets[0], bytes));
    }

    /// <summary>A property that stands in the object exactly once: of two, readers disagree which one counts.</summary>
    private static JsonElement? Only(JsonElement element, string name)
    {
        JsonElement? found = null;
        foreach (var property in element.EnumerateObject())
        {
            if (!property.NameEquals(name)) continue;
            if (found is not null) return null;
            found = property.Value;
        }
        return found;
    }

    private static long[]? Numbers(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Array || element.GetArrayLength() > MaxDimensions) return null;
        var numbers = new List<long>();
        foreach (var item in element.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long number) || number < 0) return null;
            numbers.Add(number);
        }
        return [.. numbers];
    }

    /// <summary>Every data byte belongs to exactly one tensor: no overlap, no hole, nothing behind the last.</summary>
    private static void CheckCoverage(string path, List<Stored> entries, long dataStart, long dataBytes)
    {
        long end = dataStart;
        string previous = "the header";
        foreach (var entry in entries.OrderBy(e => e.Offset).ThenBy(e => e.Bytes))
        {
            if (entry.Offset < end) throw Bad(path, $"holds overlapping tensors '{previous}' and '{entry.Name}'");
            if (entry.Offset > end) throw Bad(path, $"has {entry.Offset - end} unused bytes between '{previous}' and '{entry.Name}'");
            end = entry.Offset + entry.Bytes;
            previous = entry.Name;
        }
        if (end != dataStart + dataBytes)
            throw Bad(path, string.Create(CultureInfo.InvariantCulture, $"has {dataStart + dataBytes - end} bytes behind its last tensor '{previous}'"));
    }

    /// <summary>Where a tensor lies; the entry of one that is a weight.</summary>
    private sealed record Stored(string Name, long Offset, long Bytes, TensorEntry? Weight);

    private static CheckpointException Bad(string path, string what, Exception? inner = null) => new($"{path} {what}.", inner);
}
