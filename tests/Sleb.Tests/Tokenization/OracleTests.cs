using System.Text.Json.Nodes;

namespace Sleb.Tests.Tokenization;

/// <summary>Zero differences from Hugging Face's own library: files as published, and the styles of families whose files cannot be here.</summary>
public sealed class OracleTests
{
    private const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string O200k = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Tekken = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string DeepSeek = @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";
    private const string Start = """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|pad|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{"<|pad|>":{"id":"<|pad|>","ids":[1],"tokens":["<|pad|>"]}}}""";

    /// <summary>Changes to the embedded byte-level file, by the family or the part they stand for.</summary>
    private static readonly Dictionary<string, string> _byteLevelStyles = new()
    {
        ["as published"] = "{}",
        ["gpt2"] = """{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},"post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false}}""",
        ["prefix space"] = """{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}}""",
        ["llama3"] = $$"""{"pre_tokenizer":{{Sequence(Split(Llama3), ByteLevel)}},"post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},{{Start}}]},"ignore_merges":true}""",
        ["qwen2"] = $$"""{"normalizer":{"type":"NFC"},"pre_tokenizer":{{Sequence(Split(Qwen2), ByteLevel)}}}""",
        ["o200k"] = $$"""{"pre_tokenizer":{{Sequence(Split(O200k, "Removed", invert: true), ByteLevel)}}}""",
        ["gpt-neox, olmo"] = """{"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},"post_processor":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},"decoder":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},"add":[["<|padding|>",true,false,false,false],["    ",false,true,false,false],["   ",false,true,false,false],["  ",false,true,false,false]]}""",
        ["opt"] = $$"""{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},"post_processor":{{Start}}}""",
        ["granite, starcoder"] = $$"""{"pre_tokenizer":{{Sequence("""{"type":"Digits","individual_digits":true}""", """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""")}}}""",
        ["mistral's tekken"] = $$"""{"pre_tokenizer":{{Sequence(Split(Tekken), ByteLevel)}},"ignore_merges":true}""",
        ["deepseek"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\p{N}{1,3}"), Split("[一-龥぀-ゟ゠-ヿ]+"), Split(DeepSeek), ByteLevel)}}}""",
        ["falcon"] = $$"""{"pre_tokenizer":{{Sequence("""{"type":"Punctuation","behavior":"Contiguous"}""", """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""", """{"type":"Digits","individual_digits":false}""", Split("[0-9][0-9][0-9]"))}}}""",
        ["possessive"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*[\r\n]|\s+(?!\S)|\s"), ByteLevel)}}}""",
        ["lookbehind, lazy, atomic"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"(?<=\s)a.*?e|(?<!t)h(?>o+|i)|[^\p{Lu}\d\n-]{2,3}?x*|\p{Sc}(e|\u0301)?"), ByteLevel)}}}""",
        ["empty matches"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\s*(?=e)|o*", "MergedWithNext"), ByteLevel)}}}""",
        ["empty matches, contiguous"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"x*", "Contiguous"), ByteLevel)}}}""",
        ["removed"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\s+|e", "Removed"), ByteLevel)}}}""",
        ["merged with previous"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\s|\p{P}", "MergedWithPrevious"), ByteLevel)}}}""",
        ["merged with previous, inverted"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\s|\p{P}", "MergedWithPrevious", invert: true), ByteLevel)}}}""",
        ["merged with next"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\s|\p{P}", "MergedWithNext"), ByteLevel)}}}""",
        ["contiguous"] = $$"""{"pre_tokenizer":{{Sequence(Split(@"\s|\p{P}", "Contiguous"), ByteLevel)}}}""",
        ["literal"] = $$"""{"pre_tokenizer":{{Sequence("""{"type":"Split","pattern":{"String":"  "},"behavior":"MergedWithPrevious","invert":false}""", ByteLevel)}}}""",
        ["whitespace split"] = $$"""{"pre_tokenizer":{{Sequence("""{"type":"WhitespaceSplit"}""", """{"type":"Punctuation"}""", ByteLevel)}}}""",
        ["bytes missing"] = $$"""{"pre_tokenizer":{{ByteLevel}},"remove":["e","Ġ","Ã","é"]}""",
        ["unknown"] = $$"""{"pre_tokenizer":{{ByteLevel}},"remove":["e","Ġ","Ã"],"unk_token":"<|pad|>"}""",
        ["fused unknown"] = $$"""{"pre_tokenizer":{{ByteLevel}},"remove":["e","Ġ","Ã"],"unk_token":"<|pad|>","fuse_unk":true}""",
        ["added tokens"] = """{"normalizer":{"type":"NFC"},"add":[["<|end|>",true,false,false,false],["<|end|>x",false,false,false,false],["<|",false,false,false,true],["the",false,true,false,false],[" and",false,true,false,true],["é",false,true,false,true],["\n\n",false,false,false,true],["!",true,false,true,true]]}""",
        ["no decoder"] = """{"decoder":null}""",
    };

    /// <summary>Changes to the SentencePiece-style file of stories260k.</summary>
    private static readonly Dictionary<string, string> _sentencePieceStyles = new()
    {
        ["as published"] = "{}",
        ["without byte fallback"] = """{"byte_fallback":false}""",
        ["unfused unknown"] = """{"byte_fallback":false,"fuse_unk":false}""",
        ["some bytes missing"] = """{"remove":["<0xE6>","<0x20>"]}""",
        ["metaspace always"] = $$"""{"normalizer":null,"pre_tokenizer":{{Metaspace("always", true)}},"decoder":{{Metaspace("always", true)}}}""",
        ["metaspace first"] = $$"""{"normalizer":null,"pre_tokenizer":{{Metaspace("first", false)}},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]} }""",
        ["metaspace first, split"] = $$"""{"normalizer":{"type":"NFC"},"pre_tokenizer":{{Metaspace("first", true)}},"decoder":{{Metaspace("first", true)}}}""",
        ["metaspace never"] = $$"""{"normalizer":null,"pre_tokenizer":{{Metaspace("never", true)}},"decoder":{{Metaspace("never", true)}}}""",
        ["metaspace of old"] = """{"normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},"decoder":{"type":"Metaspace","replacement":"▁","add_prefix_space":true}}""",
        ["NFKC, strip"] = """{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Strip","strip_left":true,"strip_right":false},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":"▁"},{"type":"Prepend","prepend":"▁"}]}}""",
        ["NFD"] = """{"normalizer":{"type":"NFD"}}""",
        ["NFKD"] = """{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKD"},{"type":"Strip","strip_left":true,"strip_right":true}]}}""",
        ["normalized tokens"] = """{"add":[["<unk>",true,true,false,false],["<s>",true,true,false,false],["</s>",true,true,false,true],["said",false,true,true,false],[" a",false,true,false,false]]}""",
        ["gemma"] = """{"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},"pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]},"add":[["<start_of_turn>",true,false,false,false],["\n\n",false,false,false,false],["▁▁",false,false,false,false],["</h1>",false,false,false,false]]}""",
        ["strip decoder"] = """{"decoder":{"type":"Sequence","decoders":[{"type":"Strip","content":"e","start":0,"stop":1},{"type":"Strip","content":"▁","start":2,"stop":0},{"type":"Fuse"},{"type":"Replace","pattern":{"Regex":"a|e+"},"content":"_"}]}}""",
        ["strip beginning"] = """{"decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":"▁","start":3,"stop":0},{"type":"Strip","content":"O","start":1,"stop":0}]}}""",
        ["both ends"] = """{"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[1,1],"tokens":["<s>","<s>"]},"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}}}""",
    };

    public static TheoryData<string> ByteLevelStyles => [.. _byteLevelStyles.Keys];

    public static TheoryData<string> SentencePieceStyles => [.. _sentencePieceStyles.Keys];

    [Theory]
    [MemberData(nameof(ByteLevelStyles))]
    public void Byte_level_styles_have_no_difference(string style) =>
        Oracle.AssertSame(Changed(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"), _byteLevelStyles[style]), 1000);

    [Theory]
    [MemberData(nameof(SentencePieceStyles))]
    public void SentencePiece_styles_have_no_difference(string style) =>
        Oracle.AssertSame(Changed(TestFiles.Shared("models", "stories260k", "tokenizer.json"), _sentencePieceStyles[style]), 1000);

    [Theory]
    [InlineData("models", "smollm2-135m", "tokenizer.json")]
    [InlineData("data", "tokenizer-llama2", "tokenizer.json")]
    [InlineData("data", "tokenizer-phi3", "phi-3-mini", "tokenizer.json")]
    public void Published_files_have_no_difference(params string[] path)
    {
        var file = Oracle.Read(TestFiles.Shared(path));
        // Three merges of Llama-2's file lost their no-break spaces: the oracle needs them as pairs, as newer files write them.
        if (path.Contains("tokenizer-llama2")) SplitMerges(file);
        Oracle.AssertSame(file, 4000);
    }

    [Fact]
    public void Gpt2s_vocabulary_has_no_difference()
    {
        var file = Changed(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"), _byteLevelStyles["gpt2"]);
        file["added_tokens"]![0]!["id"] = 50256;
        file["added_tokens"]!.AsArray().RemoveAt(1);
        file["model"]!["vocab"] = Oracle.Read(TestFiles.Shared("data", "tokenizer-gpt2", "vocab.json"));
        file["model"]!["merges"] = new JsonArray([.. File.ReadLines(TestFiles.Shared("data", "tokenizer-gpt2", "merges.txt")).Where(line => line.Length > 0).Select(line => (JsonNode)line)]);
        Oracle.AssertSame(file, 4000);
    }

    [Fact]
    public void Merges_with_spaces_are_cut_where_all_three_tokens_exist()
    {
        string path = TestFiles.Shared("data", "tokenizer-llama2", "tokenizer.json");
        using var folder = new TemporaryFolder();
        var file = Oracle.Read(path);
        SplitMerges(file);
        File.WriteAllText(folder["tokenizer.json"], file.ToJsonString());
        var asPairs = Sleb.Core.Tokenization.HuggingFaceTokenizer.Load(folder.Path);
        var asLines = Sleb.Core.Tokenization.HuggingFaceTokenizer.Load(Path.GetDirectoryName(path)!);

        Assert.All(new RandomTexts(3, ["<s>", "    ", "▁ "]).Take(500), text => Assert.Equal(asPairs.Encode(text), asLines.Encode(text)));
    }

    internal static void SplitMerges(JsonNode file) =>
        file["model"]!["merges"] = new JsonArray([.. file["model"]!["merges"]!.AsArray().Select(merge =>
        {
            string text = (string)merge!;
            int cut = text switch { "   " => 1, "     " => 2, "▁  " => 1, _ => text.IndexOf(' ', StringComparison.Ordinal) };
            return (JsonNode)new JsonArray(text[..cut], text[(cut + 1)..]);
        })]);

    private static JsonNode Changed(string path, string changes)
    {
        var file = Oracle.Read(path);
        foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject().ToArray())
        {
            if (name == "add")
            {
                foreach (var token in value!.AsArray())
                {
                    var added = file["added_tokens"]!.AsArray();
                    added.Remove(added.FirstOrDefault(each => (string)each!["content"]! == (string)token![0]!));
                    added.Add(new JsonObject
                    {
                        ["id"] = 0,
                        ["content"] = (string)token![0]!,
                        ["single_word"] = false,
                        ["special"] = (bool)token[1]!,
                        ["normalized"] = (bool)token[2]!,
                        ["lstrip"] = (bool)token[3]!,
                        ["rstrip"] = (bool)token[4]!,
                    });
                }
            }
            else if (name == "remove") Remove(file["model"]!, [.. value!.AsArray().Select(token => (string)token!)]);
            else (name.Contains("unk", StringComparison.Ordinal) || name is "ignore_merges" or "byte_fallback" ? file["model"]! : file)[name] = value?.DeepClone();
        }
        return file;
    }

    /// <summary>Takes tokens out of a vocabulary, with the merges that need them, and closes the gaps between the ids.</summary>
    private static void Remove(JsonNode model, HashSet<string> tokens)
    {
        var merges = model["merges"]!.AsArray().Select(merge => merge is JsonArray pair ? ((string)pair[0]!, (string)pair[1]!) : (((string)merge!).Split(' ')[0], ((string)merge!).Split(' ')[1])).ToArray();
        var left = merges.Where(merge => !tokens.Contains(merge.Item1) && !tokens.Contains(merge.Item2) && !tokens.Contains(merge.Item1 + merge.Item2));
        model["merges"] = new JsonArray([.. left.Select(merge => (JsonNode)new JsonArray(merge.Item1, merge.Item2))]);
        int id = 0;
        model["vocab"] = new JsonObject(model["vocab"]!.AsObject().Where(token => !tokens.Contains(token.Key)).Select(token => KeyValuePair.Create(token.Key, (JsonNode?)id++)));
    }

    private static string Sequence(params string[] steps) => $$"""{"type":"Sequence","pretokenizers":[{{string.Join(',', steps)}}]}""";

    private static string Split(string regex, string behavior = "Isolated", bool invert = false) =>
        new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = regex }, ["behavior"] = behavior, ["invert"] = invert }.ToJsonString();

    private static string Metaspace(string scheme, bool split) =>
        new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = scheme, ["split"] = split }.ToJsonString();
}
