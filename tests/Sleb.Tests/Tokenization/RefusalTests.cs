using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Is everything without an exact counterpart refused by name, and every damaged file with what is wrong?</summary>
public sealed class RefusalTests
{
    private const string Supported = "which cannot be reproduced exactly; supported: ";

    [Theory]
    [InlineData("normalizer", """{"type":"Lowercase"}""", "the normalizer Lowercase in normalizer, " + Supported)]
    [InlineData("normalizer", """{"type":"BertNormalizer"}""", "the normalizer BertNormalizer")]
    [InlineData("normalizer", """{"type":"StripAccents"}""", "the normalizer StripAccents")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"String":""},"content":"x"}""", "an empty pattern in normalizer.pattern")]
    [InlineData("pre_tokenizer", """{"type":"Whitespace"}""", "the pre-tokenizer Whitespace in pre_tokenizer, " + Supported)]
    [InlineData("pre_tokenizer", """{"type":"UnicodeScripts"}""", "the pre-tokenizer UnicodeScripts")]
    [InlineData("pre_tokenizer", """{"type":"BertPreTokenizer"}""", "the pre-tokenizer BertPreTokenizer")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}""", "the prepend_scheme last")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"__"}""", "the replacement __")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]}""", "Metaspace with prepend_scheme first behind another pre-tokenizer")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":" "},"behavior":"Sideways"}""", "the split behaviour Sideways in pre_tokenizer.behavior")]
    [InlineData("decoder", """{"type":"WordPiece","prefix":"##"}""", "the decoder WordPiece in decoder, " + Supported)]
    [InlineData("decoder", """{"type":"Sequence","decoders":[{"type":"BPEDecoder","suffix":"</w>"}]}""", "the decoder BPEDecoder in decoder.decoders[0]")]
    [InlineData("decoder", """{"type":"CTC"}""", "the decoder CTC")]
    [InlineData("post_processor", """{"type":"BertProcessing"}""", "the post-processor BertProcessing in post_processor, " + Supported)]
    [InlineData("post_processor", """{"type":"RobertaProcessing"}""", "the post-processor RobertaProcessing")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"Sequence":{"id":"A"}}],"special_tokens":{}}""", "a template with more than one text")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[],"special_tokens":{}}""", "a template without the text")]
    [InlineData("model.type", "\"WordLevel\"", "the model WordLevel in model, " + Supported + "BPE, Unigram")]
    [InlineData("model.type", "\"WordPiece\"", "the model WordPiece")]
    [InlineData("model", """{"type":"Unigram","vocab":[["a",-1]],"unk_id":null}""", "no unk_id in model")]
    [InlineData("model.dropout", "0.1", "dropout in model")]
    [InlineData("model.continuing_subword_prefix", "\"##\"", "the continuing_subword_prefix ##")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "the end_of_word_suffix </w>")]
    [InlineData("added_tokens", """[{"id":0,"content":"<x>","single_word":true}]""", "single_word for the added token <x>")]
    public void What_has_no_counterpart_is_refused_by_name(string member, string value, string fault) => AssertRefused(Changed(member, value), fault);

    [Theory]
    [InlineData(@"\w+", @"\w")]
    [InlineData(@"\bx", @"\b")]
    [InlineData(@"x\1", @"\1")]
    [InlineData(@"^x", "^")]
    [InlineData(@"\s+$", "$")]
    [InlineData(@"\p{Han}", @"\p{Han}")]
    [InlineData(@"\p{^L}", @"\p{^L}")]
    [InlineData(@"[a-z&&[^b]]", "&&")]
    [InlineData(@"[a-z[0-9]]", "a set inside a set")]
    [InlineData(@"[[:alpha:]]", "a set inside a set")]
    [InlineData(@"[\s-x]", @"a range from \s")]
    [InlineData(@"[z-a]", "the range z-a")]
    [InlineData(@"a{2}?", "{2}?")]
    [InlineData(@"a{1,3}+", "{1,3}+")]
    [InlineData(@"a{,3}", "{ outside a {m,n}")]
    [InlineData(@"a**", "* before *")]
    [InlineData(@"(?i)a", "(?i)")]
    [InlineData(@"(?<name>a)", "(?<n")]
    [InlineData(@"(?i:ss)", "the case-insensitive letters ss")]
    [InlineData(@"(?i:é)", "é without regard to case")]
    [InlineData(@"(?i:\p{Ll})", @"\p{Ll} without regard to case")]
    [InlineData(@"(?i:[a-z])", "a range from a")]
    [InlineData(@"(a", "an unclosed group")]
    [InlineData(@"a)", "an unmatched )")]
    [InlineData(@"[😀]", "a character beyond U+FFFF")]
    [InlineData("", "an empty regular expression")]
    public void Regular_expressions_that_differ_in_dotnet_are_refused(string regex, string fault)
    {
        var split = new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = regex }, ["behavior"] = "Isolated" };
        AssertRefused(Changed("pre_tokenizer", split.ToJsonString()), $"asks for {fault} in ", regex);
    }

    [Theory]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":true}""")]
    [InlineData("""{"type":"Prepend","prepend":"▁"}""")]
    [InlineData("""{"type":"Replace","pattern":{"String":"  "},"content":" "}""")]
    public void A_normalizer_that_moves_the_beginning_is_refused_before_metaspace_first(string normalizer)
    {
        var file = Changed("pre_tokenizer", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}""");
        file["normalizer"] = JsonNode.Parse(normalizer);
        AssertRefused(file, "Metaspace with prepend_scheme first behind a normalizer");
    }

    [Theory]
    [InlineData("model.vocab", "7", "model.vocab is Number, expected an object")]
    [InlineData("model.vocab", """{"a":0,"b":0}""", "the tokens a and b share the id 0")]
    [InlineData("model.vocab", """{"a":-1}""", "model.vocab[\"a\"] is Number, expected a whole number")]
    [InlineData("model.merges", """["a"]""", "model.merges[0] is \"a\", not two tokens")]
    [InlineData("model.merges", """[["t","h","e"]]""", "model.merges[0] is not a pair")]
    [InlineData("model.merges", """["t h","the nothing"]""", "model.merges[1] needs the token \"nothing\"")]
    [InlineData("model.unk_token", "\"<none>\"", "model.unk_token needs the token \"<none>\"")]
    [InlineData("model", "null", "model.vocab is missing")]
    [InlineData("added_tokens", """[{"id":0}]""", "added_tokens[0].content is missing, expected a string")]
    [InlineData("added_tokens", """[{"content":"<x>"},{"content":"<x>","special":true}]""", "the added token <x> stands there twice")]
    [InlineData("normalizer", "[]", "normalizer is Array, expected an object")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Precompiled","precompiled_charsmap":""}]}""", "normalizer.normalizers[1].precompiled_charsmap holds no map")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"AAA"}""", "precompiled_charsmap is not in base64")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"BQAAAAAAAAA="}""", "precompiled_charsmap holds no map")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAAD/"}""", "precompiled_charsmap has replacements that are not UTF-8")]
    [InlineData("model", """{"type":"Unigram","vocab":{"a":0},"unk_id":0}""", "model.vocab is Object, expected an array")]
    [InlineData("model", """{"type":"Unigram","vocab":[["a"]],"unk_id":0}""", "model.vocab[0] is not a token with its score")]
    [InlineData("model", """{"type":"Unigram","vocab":[["a","b"]],"unk_id":0}""", "model.vocab[0][1] is String, expected a number")]
    [InlineData("model", """{"type":"Unigram","vocab":[["a",-1]],"unk_id":1}""", "model.unk_id is 1, but there are 1 tokens")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Other":" "},"behavior":"Isolated"}""", "pre_tokenizer.pattern has neither \"String\" nor \"Regex\"")]
    public void A_damaged_file_is_refused_with_its_fault(string member, string value, string fault) => AssertRefused(Changed(member, value), fault);

    [Fact]
    public void A_missing_or_broken_file_is_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal($"{folder.Path} holds no tokenizer.json, no tokenizer.model, and no vocab.json with merges.txt. Copy them from where the model came from.", Assert.Throws<CheckpointException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message);

        File.WriteAllText(folder["tokenizer.json"], "{\"model\":{");
        Assert.StartsWith($"{folder["tokenizer.json"]} is not valid JSON", Assert.Throws<CheckpointException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);

        File.WriteAllText(folder["tokenizer.json"], """{"model":{"vocab":{"\ud800":0},"merges":[]}}""");
        Assert.StartsWith($"{folder["tokenizer.json"]} is not valid JSON", Assert.Throws<CheckpointException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static JsonNode Changed(string member, string value)
    {
        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        var path = member.Split('.');
        (path.Length == 1 ? file : file[path[0]]!)[path[^1]] = JsonNode.Parse(value);
        return file;
    }

    private static void AssertRefused(JsonNode file, params string[] faults)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], file.ToJsonString());
        string message = Assert.Throws<CheckpointException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message;
        Assert.StartsWith(folder["tokenizer.json"], message, StringComparison.Ordinal);
        Assert.All(faults, fault => Assert.Contains(fault, message, StringComparison.Ordinal));
    }
}
