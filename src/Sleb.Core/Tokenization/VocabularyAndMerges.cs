using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>GPT-2's two files, as transformers converts them to a tokenizer.json.</summary>
internal static class VocabularyAndMerges
{
    public const string Vocabulary = "vocab.json", Merges = "merges.txt";

    private const string Gpt2 = "GPT2Tokenizer", CodeGen = "CodeGenTokenizer", Qwen2 = "Qwen2Tokenizer", EndOfText = "<|endoftext|>";
    private const string Qwen2Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    public static string Name(string folder) => $"{Path.Combine(folder, Vocabulary)} with {Merges}";

    public static byte[] Convert(string folder)
    {
        var settings = new TokenizerSettings(folder);
        bool qwen2 = Family(folder, settings) == Qwen2;
        if (settings.Flag("add_eos_token", false)) throw settings.Unsupported("add_eos_token", "add_bos_token");
        if (qwen2 && settings.Flag("add_bos_token", false)) throw settings.Unsupported($"add_bos_token of a {Qwen2}", "none");

        var ids = JsonFile.Read(Path.Combine(folder, Vocabulary), ReadVocabulary);
        var tokens = settings.Tokens([], Roles(qwen2), token => ids.TryGetValue(token, out int id) ? id : null, ids.Count);
        string prefix = settings.Flag("add_prefix_space", false) ? "true" : "false";
        return new TokenizerJson
        {
            AddedTokens = tokens,
            Normalizer = qwen2 ? """{"type":"NFC"}""" : "null",
            PreTokenizer = qwen2
                ? $$$"""{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"{{{Qwen2Pattern}}}"},"behavior":"Isolated","invert":false},{{{ByteLevel(prefix, "false")}}}]}"""
                : ByteLevel(prefix, "true"),
            Before = settings.Around("add_bos_token", false, settings.Role("bos_token", qwen2 ? null : EndOfText), tokens),
            Decoder = ByteLevel("true", "true"),
            Model = json =>
            {
                json.WriteString("type", "BPE");
                json.WriteStartObject("vocab");
                foreach (var (token, id) in ids) json.WriteNumber(token, id);
                json.WriteEndObject();
                json.WriteStartArray("merges");
                foreach (string line in File.ReadLines(Path.Combine(folder, Merges)).Where(line => line.Length > 0)) json.WriteStringValue(line);
                json.WriteEndArray();
            },
        }.Write();
    }

    private static Dictionary<string, int> ReadVocabulary(JsonPart part)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in part.Members()) ids[token] = id.AsInteger();
        return ids;
    }

    /// <summary>The class that transformers would take: the one named, or the one it pairs with the model's type.</summary>
    private static string Family(string folder, TokenizerSettings settings)
    {
        if (settings.Class is Gpt2 or CodeGen or Qwen2) return settings.Class;
        if (settings.Class is not null) throw settings.Unsupported($"the tokenizer_class {settings.Class}", $"{Gpt2}, {CodeGen}, {Qwen2}");
        string config = Path.Combine(folder, "config.json");
        string? type = File.Exists(config) ? JsonFile.Read(config, part => part["model_type"].IsNull ? null : part.String("model_type")) : null;
        return type switch
        {
            null or "gpt2" or "opt" or "gpt_neo" => Gpt2,
            "phi" or "codegen" or "gptj" => CodeGen,
            "qwen2" or "qwen2_moe" or "qwen3" or "qwen3_moe" => Qwen2,
            _ => throw new CheckpointException($"{folder} has no tokenizer.json, and its {TokenizerSettings.FileName} names no tokenizer_class to read {Vocabulary} by. Copy tokenizer.json from where the model came from."),
        };
    }

    private static Dictionary<string, string> Roles(bool qwen2) => qwen2
        ? new() { ["eos_token"] = EndOfText, ["pad_token"] = EndOfText }
        : new() { ["bos_token"] = EndOfText, ["eos_token"] = EndOfText, ["unk_token"] = EndOfText };

    private static string ByteLevel(string prefix, string regex) =>
        $$"""{"type":"ByteLevel","add_prefix_space":{{prefix}},"trim_offsets":true,"use_regex":{{regex}}}""";
}
