using System.Text.Json;
using Sleb.Core.Calibration;

namespace Sleb.Core.Evaluation;

/// <summary>The values of one line of a task file; what is not as it should be names the line and the key.</summary>
internal sealed class TaskLine(JsonElement line, string where, string expected)
{
    public string Text(string key) => Text(Value(key), $"as \"{key}\"");

    /// <summary>Two or more texts: fewer leave nothing to choose.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        var value = Value(key);
        if (value.ValueKind != JsonValueKind.Array) throw Fault($"has {JsonLines.Kind(value)} as \"{key}\", not an array");
        return value.GetArrayLength() >= 2
            ? [.. value.EnumerateArray().Select((text, i) => Text(text, $"at position {i} of \"{key}\""))]
            : throw Fault($"has {value.GetArrayLength()} \"{key}\", not two or more");
    }

    public int Gold(int choices)
    {
        var value = Value("gold");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int gold) && gold >= 0 && gold < choices
            ? gold
            : throw Fault($"has {value.GetRawText()} as \"gold\", not one of 0 to {choices - 1}");
    }

    private string Text(JsonElement value, string place)
    {
        if (value.ValueKind != JsonValueKind.String) throw Fault($"has {JsonLines.Kind(value)} {place}, not a string");
        return value.GetString() is { Length: > 0 } text ? text : throw Fault($"has an empty text {place}");
    }

    private JsonElement Value(string key) => line.TryGetProperty(key, out var value) ? value : throw Fault($"has no \"{key}\"");

    private InvalidDataException Fault(string what) => new($"{where} {what}. {expected}");
}
