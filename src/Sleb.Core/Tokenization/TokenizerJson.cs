using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sleb.Core.Tokenization;

/// <summary>The parts of a tokenizer.json that older files convert to; those given as text are JSON.</summary>
internal sealed record TokenizerJson
{
    public string Normalizer { get; init; } = "null";

    public string PreTokenizer { get; init; } = "null";

    public required string Decoder { get; init; }

    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    /// <summary>The tokens before the text, as the post-processor adds them.</summary>
    public IReadOnlyList<AddedToken> Before { get; init; } = [];

    /// <summary>The tokens behind the text.</summary>
    public IReadOnlyList<AddedToken> After { get; init; } = [];

    /// <summary>Writes the members of the model.</summary>
    public required Action<Utf8JsonWriter> Model { get; init; }

    public byte[] Write()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteNull("truncation");
            json.WriteNull("padding");
            json.WriteStartArray("added_tokens");
            foreach (var token in AddedTokens) Write(json, token);
            json.WriteEndArray();
            Raw(json, "normalizer", Normalizer);
            Raw(json, "pre_tokenizer", PreTokenizer);
            WritePostProcessor(json);
            Raw(json, "decoder", Decoder);
            json.WriteStartObject("model");
            Model(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void Write(Utf8JsonWriter json, AddedToken token)
    {
        json.WriteStartObject();
        json.WriteNumber("id", token.Id);
        json.WriteString("content", token.Content);
        json.WriteBoolean("single_word", false);
        json.WriteBoolean("lstrip", token.LeftStrip);
        json.WriteBoolean("rstrip", token.RightStrip);
        json.WriteBoolean("normalized", token.Normalized);
        json.WriteBoolean("special", token.Special);
        json.WriteEndObject();
    }

    private void WritePostProcessor(Utf8JsonWriter json)
    {
        if (Before.Count + After.Count == 0)
        {
            json.WriteNull("post_processor");
            return;
        }
        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        json.WriteStartArray("single");
        foreach (var token in Before) Item("SpecialToken", token.Content, 0);
        Item("Sequence", "A", 0);
        foreach (var token in After) Item("SpecialToken", token.Content, 0);
        json.WriteEndArray();
        json.WriteStartArray("pair");
        Item("Sequence", "A", 0);
        Item("Sequence", "B", 1);
        json.WriteEndArray();
        json.WriteStartObject("special_tokens");
        foreach (var token in Before.Union(After))
        {
            json.WriteStartObject(token.Content);
            json.WriteString("id", token.Content);
            json.WriteStartArray("ids");
            json.WriteNumberValue(token.Id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            json.WriteStringValue(token.Content);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();

        void Item(string kind, string id, int type)
        {
            json.WriteStartObject();
            json.WriteStartObject(kind);
            json.WriteString("id", id);
            json.WriteNumber("type_id", type);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    private static void Raw(Utf8JsonWriter json, string name, string value)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(value);
    }
}
