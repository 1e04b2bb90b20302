using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Sleb.Core.Calibration;

/// <summary>Reads calibration and evaluation texts: plain UTF-8, or .jsonl with a <c>text</c> or <c>input_ids</c> per line, each also as .gz.</summary>
internal static class TextFile
{
    /// <summary>What stands between the documents of a .jsonl.</summary>
    public const string DefaultJoin = "\n\n";

    /// <param name="path">The file.</param>
    /// <param name="join">What stands between the documents of a .jsonl.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file does not hold what its name promises.</exception>
    public static TextSource Read(string path, string join = DefaultJoin)
    {
        var (documents, windows) = ReadContent(path);
        return windows.Count > 0 ? new(path, null, windows) : new(path, string.Join(join, documents), null);
    }

    /// <summary>The texts of a file one by one: a .jsonl's lines, or the whole of any other file.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static IReadOnlyList<string> ReadDocuments(string path) => ReadContent(path) is (var documents, []) ? documents
        : throw new InvalidDataException($"{path} holds input_ids where text is needed. Give lines with \"text\".");

    private static (List<string> Documents, List<(int Line, int[] Ids)> Windows) ReadContent(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"The text file {path} does not exist. Give the path of a text, .jsonl or .gz file.", path);
        bool packed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<byte> bytes = packed ? Gzip.Unpack(path) : File.ReadAllBytes(path);
        string name = packed ? path[..^3] : path;
        int mark = bytes.StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        CheckUtf8(bytes, path, packed);
        if (bytes.Length == mark) throw new InvalidDataException($"{path} is empty. Give a file that holds text.");
        return name.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase)
            ? ReadLines(bytes[mark..], path)
            : ([Encoding.UTF8.GetString(bytes[mark..])], []);
    }

    private static (List<string> Documents, List<(int Line, int[] Ids)> Windows) ReadLines(ReadOnlySpan<byte> bytes, string path)
    {
        var documents = new List<string>();
        var windows = new List<(int Line, int[] Ids)>();
        int number = 0;
        foreach (var range in bytes.Split((byte)'\n'))
        {
            number++;
            if (Ascii.Trim(bytes[range]) is { Start: var start, End: var end } && start.Equals(end)) continue;
            var (text, ids) = ReadLine(bytes[range].ToArray(), $"{path}, line {number}");
            if (text is not null) documents.Add(text);
            else windows.Add((number, ids!));
            if (documents.Count > 0 && windows.Count > 0)
                throw new InvalidDataException($"{path}, line {number} has {(text is null ? "input_ids" : "text")} where the lines before have {(text is null ? "text" : "input_ids")}. Keep to one kind a file.");
        }
        return documents.Count + windows.Count > 0 ? (documents, windows) : throw new InvalidDataException($"{path} holds no line. Give a file that holds text.");
    }

    private static (string? Text, int[]? Ids) ReadLine(byte[] line, string where)
    {
        const string expected = "Every line is an object with \"text\" (a string) or \"input_ids\" (two or more token ids).";
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{where} is {Kind(root)}, not an object. {expected}");
            bool hasText = root.TryGetProperty("text", out var text), hasIds = root.TryGetProperty("input_ids", out var ids);
            if (hasText == hasIds) throw new InvalidDataException($"{where} has {(hasText ? "both \"text\" and" : "neither \"text\" nor")} \"input_ids\". {expected}");
            if (hasText) return (text.ValueKind == JsonValueKind.String ? text.GetString() : throw new InvalidDataException($"{where} has {Kind(text)} as \"text\", not a string. {expected}"), null);
            if (ids.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{where} has {Kind(ids)} as \"input_ids\", not an array. {expected}");
            if (ids.GetArrayLength() < 2) throw new InvalidDataException($"{where} has {ids.GetArrayLength()} token ids: nothing to predict. {expected}");
            return (null, [.. ids.EnumerateArray().Select((id, position) => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value)
                ? value
                : throw new InvalidDataException($"{where} has {id.GetRawText()} at position {position} of \"input_ids\", not a token id. {expected}"))]);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{where} is not valid JSON (byte {exception.BytePositionInLine + 1} of the line). {expected}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidDataException($"{where} has half of a surrogate pair in a string. {expected}", exception);
        }
    }

    private static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        var other => other.ToString().ToLowerInvariant(),
    };

    private static void CheckUtf8(ReadOnlySpan<byte> bytes, string path, bool packed)
    {
        if (Utf8.IsValid(bytes)) return;
        int offset = 0;
        while (Rune.DecodeFromUtf8(bytes[offset..], out _, out int length) == System.Buffers.OperationStatus.Done) offset += length;
        throw new InvalidDataException($"{path} is not UTF-8: byte 0x{bytes[offset]:X2} at offset {offset}{(packed ? " of the unpacked text" : "")} begins no character. Save it as UTF-8.");
    }
}
