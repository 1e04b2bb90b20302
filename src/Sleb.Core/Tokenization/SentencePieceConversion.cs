using System.Text.Json;

namespace Sleb.Core.Tokenization;

/// <summary>A tokenizer.model, as transformers converts it to a tokenizer.json.</summary>
internal static class SentencePieceConversion
{
    public const string FileName = "tokenizer.model";

    private const string Llama = "LlamaTokenizer";
    private const string Spaces = """{"type":"Replace","pattern":{"String":" "},"content":"▁"}""";

    public static byte[] Convert(string folder)
    {
        var file = new SentencePieceFile(Path.Combine(folder, FileName));
        var settings = new TokenizerSettings(folder);
        if (settings.Class is not (null or Llama or "PreTrainedTokenizer" or "TokenizersBackend"))
            throw settings.Unsupported($"the tokenizer_class {settings.Class}", $"{Llama}, or none");

        var ids = file.Pieces.Index().ToDictionary(piece => piece.Item.Text, piece => piece.Index, StringComparer.Ordinal);
        var own = file.Pieces.Index().Where(piece => piece.Item.Kind is SentencePieceKind.Unknown or SentencePieceKind.Control or SentencePieceKind.UserDefined)
            .Select(piece => new AddedToken(piece.Item.Text, piece.Index, piece.Item.Kind is not SentencePieceKind.UserDefined, false, false, false)).ToArray();
        var roles = new Dictionary<string, string> { ["unk_token"] = file.UnknownPiece };
        if (own.Any(token => token.Content == file.BeginningPiece)) roles["bos_token"] = file.BeginningPiece;
        if (own.Any(token => token.Content == file.EndPiece)) roles["eos_token"] = file.EndPiece;
        var tokens = settings.Tokens(own, roles, token => ids.TryGetValue(token, out int id) ? id : null, ids.Count);

        // Without a class to say so, only byte pairs are taken for a Llama's.
        bool llama = file.BytePairs || settings.Class == Llama;
        bool prefix = settings.Flag("add_prefix_space", file.AddsPrefix);
        var parts = llama ? LlamaParts(file, prefix, settings.Flag("legacy", true)) : PlainParts(file, prefix);
        return (parts with
        {
            AddedTokens = tokens,
            Before = settings.Around("add_bos_token", llama && roles.ContainsKey("bos_token"), settings.Role("bos_token", roles.GetValueOrDefault("bos_token")), tokens),
            After = settings.Around("add_eos_token", false, settings.Role("eos_token", roles.GetValueOrDefault("eos_token")), tokens),
            Model = json => WriteModel(json, file, ids),
        }).Write();
    }

    /// <summary>Llama's class looks at neither the map nor the spaces setting, so only files that have neither mean the same to it and to SentencePiece.</summary>
    private static TokenizerJson LlamaParts(SentencePieceFile file, bool prefix, bool legacy)
    {
        if (file.CharacterMap.Length > 0) throw file.Unsupported("a normalizer with a character map", "text as it is (identity)");
        if (file.RemovesExtraSpaces) throw file.Unsupported("remove_extra_whitespaces", "white space as it is");
        string strip = prefix ? """,{"type":"Strip","content":" ","start":1,"stop":0}""" : "";
        string first = prefix ? "first" : "never";
        return Empty with
        {
            Normalizer = !legacy ? "null" : prefix ? $$"""{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{{Spaces}}]}""" : Spaces,
            PreTokenizer = legacy ? "null" : $$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{first}}","split":false}""",
            Decoder = $$"""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}{{strip}}]}""",
        };
    }

    private static TokenizerJson PlainParts(SentencePieceFile file, bool prefix)
    {
        var normalizers = new List<string>();
        if (file.CharacterMap.Length > 0) normalizers.Add($$"""{"type":"Precompiled","precompiled_charsmap":"{{System.Convert.ToBase64String(file.CharacterMap)}}"}""");
        if (file.RemovesExtraSpaces) normalizers.AddRange("""{"type":"Strip","strip_left":false,"strip_right":true}""", """{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}""");
        string metaspace = $$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{(prefix ? "always" : "never")}}","split":true}""";
        return Empty with
        {
            Normalizer = normalizers.Count == 0 ? "null" : $$"""{"type":"Sequence","normalizers":[{{string.Join(',', normalizers)}}]}""",
            PreTokenizer = metaspace,
            Decoder = file.HasBytes ? $$"""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{{metaspace}}]}""" : metaspace,
        };
    }

    private static TokenizerJson Empty => new() { AddedTokens = [], Decoder = "null", Model = _ => { } };

    private static void WriteModel(Utf8JsonWriter json, SentencePieceFile file, Dictionary<string, int> ids)
    {
        json.WriteString("type", file.BytePairs ? "BPE" : "Unigram");
        json.WriteBoolean("byte_fallback", file.HasBytes);
        if (!file.BytePairs)
        {
            json.WriteNumber("unk_id", ids[file.UnknownPiece]);
            json.WriteStartArray("vocab");
            foreach (var piece in file.Pieces) Pair(piece.Text, () => json.WriteNumberValue((double)piece.Score));
            json.WriteEndArray();
            return;
        }
        json.WriteString("unk_token", file.UnknownPiece);
        json.WriteBoolean("fuse_unk", true);
        json.WriteStartObject("vocab");
        foreach (var piece in file.Pieces) json.WriteNumber(piece.Text, ids[piece.Text]);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in Merges(file, ids)) Pair(left, () => json.WriteStringValue(right));
        json.WriteEndArray();

        void Pair(string first, Action second)
        {
            json.WriteStartArray();
            json.WriteStringValue(first);
            second();
            json.WriteEndArray();
        }
    }

    /// <summary>Every way to join two pieces into a third: the best third first, and of one third the pair with the lowest ids.</summary>
    private static IEnumerable<(string Left, string Right)> Merges(SentencePieceFile file, Dictionary<string, int> ids)
    {
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(float Score, int Left, int Right)>();
        var cuts = new List<(int Left, int Right)>();
        foreach (var piece in file.Pieces)
        {
            cuts.Clear();
            for (int at = 1; at < piece.Text.Length; at++)
                if (lookup.TryGetValue(piece.Text.AsSpan(0, at), out int left) && lookup.TryGetValue(piece.Text.AsSpan(at), out int right)) cuts.Add((left, right));
            cuts.Sort();
            merges.AddRange(cuts.Select(cut => (piece.Score, cut.Left, cut.Right)));
        }
        // The sort is stable: pieces of one score stay in the order of their ids.
        return merges.OrderByDescending(merge => merge.Score).Select(merge => (file.Pieces[merge.Left].Text, file.Pieces[merge.Right].Text));
    }
}
