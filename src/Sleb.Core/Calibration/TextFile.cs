using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Sleb.Core.Calibration;

/// <summary>Reads calibration and evaluation texts: plain UTF-8, or .jsonl with a <c>text</c> or <c>input_ids</c> per line, each also as .gz.</summary>
internal static class TextFile
{
    /// <summary>What stands between the documents of a .jsonl.</summary>
    public const string DefaultJoin = "\n\n";

    private const string Expected = "Every line is an object with \"text\" (a string) or \"input_ids\" (two or more token ids).";

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

    /// <summary>The bytes of a UTF-8 file, unpacked where it is a .gz, without a byte-order mark.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static ReadOnlySpan<byte> ReadUtf8(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"The text file {path} does not exist. Give the path of a text, .jsonl or .gz file.", path);
        bool packed = IsPacked(path);
        ReadOnlySpan<byte> bytes = packed ? Gzip.Unpack(path) : File.ReadAllBytes(path);
        int mark = bytes.StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        CheckUtf8(bytes, path, packed);
        if (bytes.Length == mark) throw new InvalidDataException($"{path} is empty. Give a file that holds text.");
        return bytes[mark..];
    }

    private static bool IsPacked(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    private static (List<string> Documents, List<(int Line, int[] Ids)> Windows) ReadContent(string path)
    {
        var bytes = ReadUtf8(path);
        string name = IsPacked(path) ? path[..^3] : path;
        return name.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) ? ReadLines(bytes, path) : ([Encoding.UTF8.GetString(bytes)], []);
    }

    private static (List<string> Documents, List<(int Line, int[] Ids)> Windows) ReadLines(ReadOnlySpan<byte> bytes, string path)
    {
        var documents = new List<string>();
        var windows = new List<(int Line, int[] Ids)>();
        JsonLines.Read(bytes, path, Expected, (root, number, where) =>
        {
            var (text, ids) = ReadLine(root, where);
            if (text is not null) documents.Add(text);
            else windows.Add((number, ids!));
            if (documents.Count > 0 && windows.Count > 0)
                throw new InvalidDataException($"{where} has {(text is null ? "input_ids" : "text")} where the lines before have {(text is null ? "text" : "input_ids")}. Keep to one kind a file.");
        });
        return documents.Count + windows.Count > 0 ? (documents, windows) : throw new InvalidDataException($"{path} holds no line. Give a file that holds text.");
    }

    private static (string? Text, int[]? Ids) ReadLine(JsonElement root, string where)
    {
        bool hasText = root.TryGetProperty("text", out var text), hasIds = root.TryGetProperty("input_ids", out var ids);
        if (hasText == hasIds) throw new InvalidDataException($"{where} has {(hasText ? "both \"text\" and" : "neither \"text\" nor")} \"input_ids\". {Expected}");
        if (hasText) return (text.ValueKind == JsonValueKind.String ? text.GetString() : throw new InvalidDataException($"{where} has {JsonLines.Kind(text)} as \"text\", not a string. {Expected}"), null);
        if (ids.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{where} has {JsonLines.Kind(ids)} as \"input_ids\", not an array. {Expected}");
        if (ids.GetArrayLength() < 2) throw new InvalidDataException($"{where} has {ids.GetArrayLength()} token ids: nothing to predict. {Expected}");
        return (null, [.. ids.EnumerateArray().Select((id, position) => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value)
            ? value
            : throw new InvalidDataException($"{where} has {id.GetRawText()} at position {position} of \"input_ids\", not a token id. {Expected}"))]);
    }

    private static void CheckUtf8(ReadOnlySpan<byte> bytes, string path, bool packed)
    {
        if (Utf8.IsValid(bytes)) return;
        int offset = 0;
        while (Rune.DecodeFromUtf8(bytes[offset..], out _, out int length) == System.Buffers.OperationStatus.Done) offset += length;
        throw new InvalidDataException($"{path} is not UTF-8: byte 0x{bytes[offset]:X2} at offset {offset}{(packed ? " of the unpacked text" : "")} begins no character. Save it as UTF-8.");
    }
}
