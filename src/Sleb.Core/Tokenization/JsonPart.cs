using System.Text.Json;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>One value of a tokenizer.json, with where it stands, so that whatever cannot be mapped is refused by name.</summary>
internal readonly record struct JsonPart(JsonElement Element, string File, string Where)
{
    public string Type => String("type");

    public bool IsNull => Element.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    public bool IsString => Element.ValueKind == JsonValueKind.String;

    /// <summary>Whether the member is there, if only as null.</summary>
    public bool Has(string name) => Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out _);

    public JsonPart this[string name] => Element.ValueKind switch
    {
        JsonValueKind.Object => new(Element.TryGetProperty(name, out var value) ? value : default, File, Where.Length == 0 ? name : $"{Where}.{name}"),
        JsonValueKind.Undefined or JsonValueKind.Null => new(default, File, $"{Where}.{name}"),
        _ => throw Wrong("an object"),
    };

    public IEnumerable<JsonPart> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array) throw Wrong("an array");
        var part = this;
        return Element.EnumerateArray().Select((item, index) => new JsonPart(item, part.File, $"{part.Where}[{index}]"));
    }

    public IEnumerable<(string Name, JsonPart Value)> Members()
    {
        if (Element.ValueKind != JsonValueKind.Object) throw Wrong("an object");
        var part = this;
        return Element.EnumerateObject().Select(member => (member.Name, new JsonPart(member.Value, part.File, $"{part.Where}[\"{member.Name}\"]")));
    }

    public string AsString() => Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw Wrong("a string");

    public int AsInteger() => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value) && value >= 0
        ? value
        : throw Wrong("a whole number from 0");

    public double AsNumber() => Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double value) && double.IsFinite(value) ? value : throw Wrong("a number");

    public bool AsBoolean() => Element.ValueKind is JsonValueKind.True or JsonValueKind.False
        ? Element.GetBoolean()
        : throw Wrong("true or false");

    public string String(string name) => this[name].AsString();

    public bool Flag(string name, bool otherwise = false) => this[name] is { IsNull: false } part ? part.AsBoolean() : otherwise;

    /// <summary>What is valid in tokenizer.json but has no exact counterpart here.</summary>
    public CheckpointException Unsupported(string found, string supported) =>
        new($"{File} asks for {found} in {Where}, which cannot be reproduced exactly; supported: {supported}. Use a model whose tokenizer keeps to these.");

    /// <summary>What no tokenizer.json may hold.</summary>
    public CheckpointException Damaged(string fault) =>
        new($"{File} is not a valid tokenizer: {fault}. Fetch the file again from where the model came from.");

    private CheckpointException Wrong(string expected) =>
        Damaged($"{Where} is {(IsNull ? "missing" : Element.ValueKind)}, expected {expected}");
}
