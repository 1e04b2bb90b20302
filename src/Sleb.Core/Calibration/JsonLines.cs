using System.Text;
using System.Text.Json;

namespace Sleb.Core.Calibration;

/// <summary>Files of one JSON object a line; a fault names its line, counted from 1.</summary>
internal static class JsonLines
{
    /// <param name="bytes">The file's text.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="expected">The sentence that says what a line is to be.</param>
    /// <param name="read">Takes a line's object, its number and the words that name the place.</param>
    /// <exception cref="InvalidDataException">A line is no JSON object.</exception>
    public static void Read(ReadOnlySpan<byte> bytes, string path, string expected, Action<JsonElement, int, string> read)
    {
        int number = 0;
        foreach (var range in bytes.Split((byte)'\n'))
        {
            number++;
            if (Ascii.Trim(bytes[range]) is { Start: var start, End: var end } && start.Equals(end)) continue;
            string where = $"{path}, line {number}";
            try
            {
                using var document = JsonDocument.Parse(bytes[range].ToArray());
                var root = document.RootElement;
                if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{where} is {Kind(root)}, not an object. {expected}");
                read(root, number, where);
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
    }

    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        var other => other.ToString().ToLowerInvariant(),
    };
}
