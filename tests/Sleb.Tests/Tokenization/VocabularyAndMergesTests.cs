using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Do vocab.json and merges.txt alone give the ids of the tokenizer.json they convert to?</summary>
public sealed class VocabularyAndMergesTests
{
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";
    private const string PrefixSpace = """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""";
    private const string Start = """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"</s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{"</s>":{"id":"</s>","ids":[2048],"tokens":["</s>"]}}}""";
    private const string Qwen2 = """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]}""";

    [Fact]
    public void Gpt2_has_the_recorded_ids_and_no_difference()
    {
        string folder = TestFiles.Shared("data", "tokenizer-gpt2");
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        var vectors = Vectors.Read("gpt-2");

        Assert.Equal(46, vectors.Length);
        Assert.All(vectors, each => Assert.Equal(each.Ids, tokenizer.Encode(each.Text, addSpecialTokens: false)));
        Assert.Equal(new Dictionary<string, int> { ["<|endoftext|>"] = 50256 }, tokenizer.SpecialTokens);

        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        file["added_tokens"] = Added("""[["<|endoftext|>",50256,true]]""");
        (file["normalizer"], file["pre_tokenizer"], file["post_processor"]) = (null, JsonNode.Parse(ByteLevel), null);
        file["model"]!["vocab"] = Oracle.Read(Path.Combine(folder, "vocab.json"));
        file["model"]!["merges"] = new JsonArray([.. File.ReadLines(Path.Combine(folder, "merges.txt")).Where(line => line.Length > 0).Select(line => (JsonNode)line)]);
        Oracle.AssertSame(file, 3000, seed: 2, folder);
    }

    /// <summary>The files of some families, what they add to the vocabulary of the embedded model (2048 tokens), and what begins a text.</summary>
    [Theory]
    [InlineData(ByteLevel, """{"tokenizer_config.json":{"tokenizer_class":"GPT2Tokenizer","add_bos_token":true,"add_prefix_space":false,"errors":"replace","bos_token":{"__type":"AddedToken","content":"</s>","lstrip":false,"normalized":true,"rstrip":false,"single_word":false},"eos_token":{"content":"</s>","normalized":true},"unk_token":{"content":"</s>","normalized":true},"pad_token":{"content":"<pad>","normalized":true}},"special_tokens_map.json":{"bos_token":{"content":"</s>","lstrip":false,"normalized":true,"rstrip":false,"single_word":false},"eos_token":{"content":"</s>","normalized":true},"unk_token":"</s>","pad_token":"<pad>"}}""", """[["</s>",2048,true],["<pad>",2049,true]]""", Start)]
    [InlineData(Qwen2, """{"tokenizer_config.json":{"tokenizer_class":"Qwen2Tokenizer","add_prefix_space":false,"add_bos_token":false,"bos_token":null,"eos_token":"<|im_end|>","pad_token":"<|endoftext|>","unk_token":null,"additional_special_tokens":["<|im_start|>","<|im_end|>"],"added_tokens_decoder":{"0":{"content":"<|endoftext|>","special":true,"normalized":false},"2048":{"content":"<|im_start|>","special":true,"normalized":false},"2049":{"content":"<|im_end|>","special":true,"normalized":false},"2050":{"content":"<tool_call>","special":false,"normalized":false}}}}""", """[["<|endoftext|>",0,true],["<|im_start|>",2048,true],["<|im_end|>",2049,true],["<tool_call>",2050,false]]""", null)]
    [InlineData(ByteLevel, """{"tokenizer_config.json":{"tokenizer_class":"CodeGenTokenizer","add_prefix_space":false,"bos_token":"<|endoftext|>","eos_token":"<|endoftext|>","unk_token":"<|endoftext|>"},"added_tokens.json":{"   ":2049,"  ":2048,"\t\t":2050}}""", """[["<|endoftext|>",0,true],["  ",2048,false],["   ",2049,false],["\t\t",2050,false]]""", null)]
    [InlineData(Qwen2, """{"config.json":{"model_type":"qwen3"}}""", """[["<|endoftext|>",0,true]]""", null)]
    [InlineData(PrefixSpace, """{"tokenizer_config.json":{"tokenizer_class":"GPT2TokenizerFast","add_prefix_space":true}}""", """[["<|endoftext|>",0,true]]""", null)]
    public void Families_have_no_difference(string preTokenizer, string files, string added, string? start)
    {
        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        using var folder = Folder(file, files);
        file["added_tokens"] = Added(added);
        file["pre_tokenizer"] = JsonNode.Parse(preTokenizer);
        file["normalizer"] = preTokenizer == Qwen2 ? new JsonObject { ["type"] = "NFC" } : null;
        file["post_processor"] = start is null ? null : JsonNode.Parse(start);
        Oracle.AssertSame(file, 1000, ours: folder.Path);
    }

    [Theory]
    [InlineData("""{"tokenizer_config.json":{"tokenizer_class":"RobertaTokenizer"}}""", "asks for the tokenizer_class RobertaTokenizer, which cannot be reproduced exactly without a tokenizer.json; supported: GPT2Tokenizer, CodeGenTokenizer, Qwen2Tokenizer")]
    [InlineData("""{"tokenizer_config.json":{"add_eos_token":true}}""", "asks for add_eos_token")]
    [InlineData("""{"tokenizer_config.json":{"tokenizer_class":"Qwen2Tokenizer","add_bos_token":true}}""", "asks for add_bos_token of a Qwen2Tokenizer")]
    [InlineData("""{"tokenizer_config.json":{"bos_token":null,"add_bos_token":true}}""", "tokenizer_config.json sets add_bos_token, but there is no such token")]
    [InlineData("""{"tokenizer_config.json":{"added_tokens_decoder":{"2049":{"content":"<x>"}}}}""", "gives the added token <x> the id 2049, but its vocabulary leaves it 2048")]
    [InlineData("""{"added_tokens.json":{"the":7}}""", "gives the added token the the id 7, but")]
    [InlineData("""{"tokenizer_config.json":{"added_tokens_decoder":{"2048":{"content":"<x>","single_word":true}}}}""", "single_word for the added token <x>")]
    [InlineData("""{"tokenizer_config.json":{"added_tokens_decoder":{"x":{"content":"<x>"}}}}""", "is not keyed by a whole number")]
    [InlineData("""{"config.json":{"model_type":"bert"}}""", "names no tokenizer_class to read vocab.json by")]
    [InlineData("""{"vocab.json":{"a":-1}}""", "vocab.json is not a valid tokenizer: [\"a\"] is Number, expected a whole number")]
    [InlineData("""{"merges.txt":"t h\nx"}""", "vocab.json with merges.txt is not a valid tokenizer: model.merges[1] is \"x\", not two tokens")]
    [InlineData("""{"merges.txt":"the nothing"}""", "needs the token \"nothing\"")]
    [InlineData("""{"special_tokens_map.json":"{"}""", "special_tokens_map.json is not valid JSON")]
    public void What_cannot_be_exact_is_refused_by_name(string files, string fault)
    {
        using var folder = Folder(Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json")), files);
        Assert.Contains(fault, Assert.Throws<CheckpointException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Both_files_are_needed_and_tokenizer_json_comes_first()
    {
        using var folder = Folder(Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json")), "{}");
        Assert.True(HuggingFaceTokenizer.Exists(folder.Path));
        Assert.Null(HuggingFaceTokenizer.Load(folder.Path).TokenToId("<only in the JSON>"));

        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        file["added_tokens"] = Added("""[["<only in the JSON>",2048,true]]""");
        File.WriteAllText(folder["tokenizer.json"], file.ToJsonString());
        Assert.Equal(2048, HuggingFaceTokenizer.Load(folder.Path).TokenToId("<only in the JSON>"));

        File.Delete(folder["tokenizer.json"]);
        File.Delete(folder["merges.txt"]);
        Assert.False(HuggingFaceTokenizer.Exists(folder.Path));
    }

    /// <summary>The vocabulary and merges of a tokenizer.json as two files, with others beside or instead.</summary>
    private static TemporaryFolder Folder(JsonNode file, string others)
    {
        var folder = new TemporaryFolder();
        File.WriteAllText(folder["vocab.json"], file["model"]!["vocab"]!.ToJsonString());
        File.WriteAllLines(folder["merges.txt"], file["model"]!["merges"]!.AsArray().Select(merge => merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)merge!).Prepend("#version: 0.2"));
        foreach (var (name, content) in JsonNode.Parse(others)!.AsObject())
            File.WriteAllText(folder[name], content is JsonValue text ? (string)text! : content!.ToJsonString());
        return folder;
    }

    private static JsonArray Added(string tokens) => new([.. JsonNode.Parse(tokens)!.AsArray().Select(token => (JsonNode)new JsonObject
    {
        ["id"] = (int)token![1]!,
        ["content"] = (string)token[0]!,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = (bool)token[2]!,
    })]);
}
