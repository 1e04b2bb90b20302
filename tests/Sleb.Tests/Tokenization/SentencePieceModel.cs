using System.Text;
using System.Text.Json.Nodes;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>A made-up SentencePiece model: writes the tokenizer.model, and builds the parts of the tokenizer.json that mean the same.</summary>
internal sealed class SentencePieceModel
{
    public List<SentencePiece> Pieces { get; } = [new("<unk>", 0, SentencePieceKind.Unknown), new("<s>", 0, SentencePieceKind.Control), new("</s>", 0, SentencePieceKind.Control)];

    public int Type { get; init; } = 2;

    public byte[] CharacterMap { get; set; } = [];

    public bool? AddsPrefix { get; set; }

    public bool? RemovesExtraSpaces { get; set; } = false;

    /// <summary>Further fields of the trainer's settings, by number.</summary>
    public List<(int Field, object Value)> Trainer { get; } = [];

    public List<(int Field, object Value)> Normalizer { get; } = [];

    public List<(int Field, object Value)> Denormalizer { get; } = [];

    /// <summary>The most frequent stretches of a text, with falling scores.</summary>
    public static SentencePieceModel Of(int type, string text, int count, bool bytes, Func<int, int, float> score)
    {
        var model = new SentencePieceModel { Type = type };
        if (bytes) model.Pieces.AddRange(Enumerable.Range(0, 256).Select(value => new SentencePiece($"<0x{value:X2}>", 0, SentencePieceKind.Byte)));
        text = text.ReplaceLineEndings(" ").Replace(' ', '\u2581');
        var counts = new Dictionary<string, int>();
        for (int length = 1; length <= 6; length++)
            for (int at = 0; at + length <= text.Length; at++)
            {
                string part = text.Substring(at, length);
                if (part.LastIndexOf('\u2581') <= 0) counts[part] = counts.GetValueOrDefault(part) + 1;
            }
        var frequent = counts.OrderByDescending(part => part.Key.Length == 1).ThenByDescending(part => part.Value * part.Key.Length).ThenBy(part => part.Key, StringComparer.Ordinal).Take(count).ToArray();
        // SentencePiece lists the merged pieces first, then single characters.
        model.Pieces.AddRange(frequent.OrderByDescending(part => part.Key.Length > 1).Select((part, rank) => new SentencePiece(part.Key, score(rank, part.Value), SentencePieceKind.Normal)));
        return model;
    }

    public byte[] ToBytes() =>
    [
        .. Pieces.SelectMany(piece => Field(1, (byte[])[.. Field(1, piece.Text), .. Field(2, piece.Score), .. piece.Kind is SentencePieceKind.Normal ? [] : Field(3, (int)piece.Kind)])),
        .. Field(2, (byte[])[.. Field(3, Type), .. Field(4, Pieces.Count), .. Trainer.SelectMany(field => Field(field.Field, field.Value))]),
        .. Field(3, (byte[])[.. Field(1, "made-up"), .. CharacterMap.Length > 0 ? Field(2, CharacterMap) : [], .. AddsPrefix is { } prefix ? Field(3, prefix ? 1 : 0) : [], .. RemovesExtraSpaces is { } remove ? Field(4, remove ? 1 : 0) : [], .. Normalizer.SelectMany(field => Field(field.Field, field.Value))]),
        .. Denormalizer.Count == 0 ? [] : Field(5, (byte[])[.. Denormalizer.SelectMany(field => Field(field.Field, field.Value))]),
    ];

    /// <summary>The model of the tokenizer.json: pairs ranked by the score of what they make, then by their own ids.</summary>
    public JsonObject ToBytePairs(bool fallback)
    {
        var ids = Pieces.Index().ToDictionary(piece => piece.Item.Text, piece => piece.Index);
        var merges =
            from made in Pieces
            from at in Enumerable.Range(1, made.Text.Length - 1)
            let left = made.Text[..at]
            let right = made.Text[at..]
            where ids.ContainsKey(left) && ids.ContainsKey(right)
            orderby made.Score descending, ids[made.Text], ids[left], ids[right]
            select (JsonNode)new JsonArray(left, right);
        return new()
        {
            ["type"] = "BPE",
            ["unk_token"] = "<unk>",
            ["fuse_unk"] = true,
            ["byte_fallback"] = fallback,
            ["vocab"] = new JsonObject(ids.Select(id => KeyValuePair.Create(id.Key, (JsonNode?)id.Value))),
            ["merges"] = new JsonArray([.. merges]),
        };
    }

    public JsonObject ToUnigram(bool fallback) => new()
    {
        ["type"] = "Unigram",
        ["unk_id"] = 0,
        ["byte_fallback"] = fallback,
        ["vocab"] = new JsonArray([.. Pieces.Select(piece => (JsonNode)new JsonArray(piece.Text, (double)piece.Score))]),
    };

    /// <summary>The whole tokenizer.json.</summary>
    /// <param name="model">Its model.</param>
    /// <param name="parts">Its normalizer, pre_tokenizer and decoder.</param>
    /// <param name="start">Whether the beginning is marked.</param>
    public JsonObject ToJson(JsonObject model, string parts, bool start)
    {
        var file = JsonNode.Parse(parts)!.AsObject();
        file["version"] = "1.0";
        file["added_tokens"] = new JsonArray([.. Pieces.Index().Where(piece => piece.Item.Kind is SentencePieceKind.Unknown or SentencePieceKind.Control or SentencePieceKind.UserDefined).Select(piece =>
            (JsonNode)new JsonObject { ["id"] = piece.Index, ["content"] = piece.Item.Text, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = piece.Item.Kind is not SentencePieceKind.UserDefined })]);
        file["post_processor"] = !start ? null : JsonNode.Parse("""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}""");
        file["model"] = model;
        return file;
    }

    private static byte[] Field(int number, object value) => value switch
    {
        string text => Field(number, Encoding.UTF8.GetBytes(text)),
        byte[] bytes => [.. Varint((number << 3) | 2), .. Varint(bytes.Length), .. bytes],
        float single => [.. Varint((number << 3) | 5), .. BitConverter.GetBytes(single)],
        int whole => [.. Varint(number << 3), .. Varint(whole)],
        _ => throw new ArgumentException($"no field for {value}"),
    };

    private static IEnumerable<byte> Varint(int value)
    {
        for (; value > 0x7F; value >>= 7) yield return (byte)(value | 0x80);
        yield return (byte)value;
    }
}
