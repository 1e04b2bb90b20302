using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Sleb.Core.Calibration;

/// <summary>Reads calibration, evaluation and prompt files: one UTF-8 text, or JSON lines of texts or of ids; .gz behind either.</summary>
internal static class TextFile
{
    /// <summary>What stands between the documents of a .jsonl file.</summary>
    public const string DefaultJoin = "\n\n";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is not UTF-8, not the JSON lines expected, or empty; the message names the place.</exception>
    public static TextSource Read(string path, string join = DefaultJoin)
    {
        string text = Decode(path, Bytes(path));
        if (!IsJsonLines(path)) return new TextSource(path, NotEmpty(path, text), Windows: null);
        var lines = ReadLines(path, text);
        if (lines.Texts.Count > 0 && lines.Windows.Count > 0)
            throw new InvalidDataException($"{path} mixes lines with 'text' and lines with 'input_ids'; give one kind.");
        return lines.Windows.Count > 0
            ? new TextSource(path, Text: null, lines.Windows)
            : new TextSource(path, NotEmpty(path, string.Join(join, lines.Texts)), Windows: null);
    }

    /// <summary>The texts of a file one by one: a .jsonl's lines, or the whole of any other.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static IReadOnlyList<string> ReadDocuments(string path)
    {
        string text = Decode(path, Bytes(path));
        if (!IsJsonLines(path)) return [NotEmpty(path, text)];
        var lines = ReadLines(path, text);
        return lines.Windows.Count == 0 && lines.Texts.Count > 0 ? lines.Texts
            : throw new InvalidDataException($"{path} holds no line with 'text'; rows of text need them.");
    }

    private static bool IsJsonLines(string path) => Plain(path).EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);

    private static string Plain(string path) => IsCompressed(path) ? path[..^3] : path;

    private static bool IsCompressed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    private static byte[] Bytes(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"The text file {path} does not exist.", path);
        byte[] bytes = File.ReadAllBytes(path);
        if (!IsCompressed(path)) return bytes;
        using var plain = new MemoryStream();
        try
        {
            using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            gzip.CopyTo(plain);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path} is not a gzip file, or a damaged one.", e);
        }
        return plain.ToArray();
    }

    private static string Decode(string path, byte[] bytes)
    {
        int bom = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? Encoding.UTF8.Preamble.Length : 0;
        try
        {
            return Strict.GetString(bytes, bom, bytes.Length - bom);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{path} is not UTF-8: the byte at offset {bom + e.Index} is invalid; save the file as UTF-8."), e);
        }
    }

    private static string NotEmpty(string path, string text) => text.Length > 0 ? text : throw new InvalidDataException($"{path} holds no text.");

    private static (List<string> Texts, List<int[]> Windows) ReadLines(string path, string text)
    {
        var texts = new List<string>();
        var windows = new List<int[]>();
        int number = 0;
        // Lines end at \n alone: a JSON string may hold any other line separator as it is.
        foreach (string line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using var json = JsonDocument.Parse(line);
                if (json.RootElement.ValueKind != JsonValueKind.Object) throw Bad("is not a JSON object");
                if (json.RootElement.TryGetProperty("input_ids", out var ids)) windows.Add(Ids(ids));
                else if (json.RootElement.TryGetProperty("text", out var value) && value.ValueKind == JsonValueKind.String) texts.Add(value.GetString()!);
                else throw Bad("has neither a string 'text' nor an array 'input_ids'");
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw Bad("is not valid JSON", e);
            }
        }
        return texts.Count + windows.Count == 0 ? throw new InvalidDataException($"{path} holds no lines.") : (texts, windows);

        int[] Ids(JsonElement array)
        {
            if (array.ValueKind != JsonValueKind.Array) throw Bad("has 'input_ids' that are not an array");
            var ids = new int[array.GetArrayLength()];
            for (int i = 0; i < ids.Length; i++)
                if (array[i].ValueKind != JsonValueKind.Number || !array[i].TryGetInt32(out ids[i]) || ids[i] < 0) throw Bad("has an input id that is not a non-negative integer");
            return ids.Length >= 2 ? ids : throw Bad($"has {ids.Length} input id(s); a loss needs at least 2");
        }

        InvalidDataException Bad(string what, Exception? inner = null) => new(FormattableString.Invariant($"{path}, line {number}, {what}."), inner);
    }
}
