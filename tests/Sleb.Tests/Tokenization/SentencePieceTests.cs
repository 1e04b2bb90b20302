using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Does a tokenizer.model alone give the ids of the tokenizer.json it converts to?</summary>
public sealed class SentencePieceTests
{
    private const string Prefix = """{"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}}""";
    private const string NoPrefix = """{"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}}""";
    private const string NotLegacy = """{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}}""";

    private static readonly (string Fault, Action<SentencePieceModel> Change)[] _unsupported =
    [
        ("asks for a normalizer with a character map, which cannot be reproduced exactly; supported: text as it is (identity)", model => model.CharacterMap = [1]),
        ("asks for remove_extra_whitespaces", model => model.RemovesExtraSpaces = null),
        ("asks for remove_extra_whitespaces", model => model.RemovesExtraSpaces = true),
        ("asks for the model type WORD", model => model.Trainer.Add((3, 3))),
        ("asks for the model type CHAR", model => model.Trainer.Add((3, 4))),
        ("asks for treat_whitespace_as_suffix", model => model.Trainer.Add((24, 1))),
        ("asks for escape_whitespaces to be off", model => model.Normalizer.Add((5, 0))),
        ("asks for a denormalizer", model => model.Denormalizer.Add((2, "x"))),
        ("asks for the piece <off> to be left unused", model => model.Pieces.Add(new("<off>", 0, SentencePieceKind.Unused))),
        ("is not a SentencePiece model: it has the piece </s> twice", model => model.Pieces.Add(new("</s>", 0, SentencePieceKind.Normal))),
        ("is not a SentencePiece model: it has 0 pieces for the unknown, expected 1", model => model.Pieces.RemoveAt(0)),
        ("is not a SentencePiece model: it has no pieces", model => model.Pieces.Clear()),
        ("is not a SentencePiece model: it has a piece without text", model => model.Pieces.Add(new("", 0, SentencePieceKind.Normal))),
        ("is not a SentencePiece model: it has the score NaN for the piece x", model => model.Pieces.Add(new("x", float.NaN, SentencePieceKind.Normal))),
        ("is not a SentencePiece model: it has the kind 9 for the piece x", model => model.Pieces.Add(new("x", 0, (SentencePieceKind)9))),
    ];

    [Fact]
    public void Llama2_has_the_recorded_ids_and_no_difference()
    {
        using var folder = Folder(File.ReadAllBytes(TestFiles.Shared("data", "tokenizer-llama2", "tokenizer.model")), File.ReadAllText(TestFiles.Shared("data", "tokenizer-llama2", "tokenizer_config.json")));
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);
        Assert.All(Vectors.Read("llama-spm"), each => Assert.Equal(each.Ids, tokenizer.Encode(each.Text, addSpecialTokens: false)));

        var file = Oracle.Read(TestFiles.Shared("data", "tokenizer-llama2", "tokenizer.json"));
        OracleTests.SplitMerges(file);
        // The JSON as stored has plain spaces where the model has no-break spaces.
        file["model"]!["vocab"] = new JsonObject(file["model"]!["vocab"]!.AsObject().Select(token => KeyValuePair.Create(token.Key.Replace(' ', '\u00A0'), (JsonNode?)(int)token.Value!)));
        foreach (var merge in file["model"]!["merges"]!.AsArray())
            for (int i = 0; i < 2; i++) merge![i] = ((string)merge[i]!).Replace(' ', '\u00A0');
        Oracle.AssertSame(file, 4000, seed: 4, folder.Path);
    }

    [Fact]
    public void Phi3_has_the_recorded_ids_from_either_file()
    {
        string phi3 = TestFiles.Shared("data", "tokenizer-phi3", "phi-3-mini");
        var config = Oracle.Read(Path.Combine(phi3, "tokenizer_config.json"));
        // Phi-3's tokenizer.json has the old form of the prefix, though its settings ask for the new one.
        config["legacy"] = true;
        using var folder = Folder(File.ReadAllBytes(TestFiles.Shared("data", "tokenizer-llama2", "tokenizer.model")), config.ToJsonString());
        var vectors = Vectors.Read("phi-3");

        Assert.Equal(46, vectors.Length);
        Assert.All([HuggingFaceTokenizer.Load(phi3), HuggingFaceTokenizer.Load(folder.Path)], tokenizer => Assert.All(vectors, each => Assert.Equal(each.Ids, tokenizer.Encode(each.Text, addSpecialTokens: false))));
        Oracle.AssertSame(Oracle.Read(Path.Combine(phi3, "tokenizer.json")), 2000, seed: 5, folder.Path);
    }

    [Theory]
    [InlineData("{}", Prefix, true, true)]
    [InlineData("""{"tokenizer_class":"LlamaTokenizer","add_bos_token":false}""", Prefix, true, false)]
    [InlineData("""{"tokenizer_class":"LlamaTokenizerFast","legacy":false,"bos_token":"<s>","eos_token":"</s>","unk_token":"<unk>","pad_token":null}""", NotLegacy, true, true)]
    [InlineData("""{"add_prefix_space":false}""", NoPrefix, true, true)]
    [InlineData("{}", Prefix, false, true)]
    public void Made_up_models_have_no_difference(string config, string parts, bool bytes, bool start)
    {
        var model = BytePairs(bytes);
        // In the middle, where its neighbours are no bytes; one of white space as Gemma has it.
        model.Pieces.InsertRange(3, [new("<|user|>", 0, SentencePieceKind.UserDefined), new("\n\n", 0, SentencePieceKind.UserDefined), new("▁▁", 0, SentencePieceKind.UserDefined)]);
        using var folder = Folder(model.ToBytes(), config);
        Oracle.AssertSame(model.ToJson(model.ToBytePairs(bytes), parts, start), 1000, seed: 6, folder.Path);
    }

    [Fact]
    public void The_models_own_word_on_the_prefix_counts()
    {
        var model = BytePairs(bytes: true);
        model.AddsPrefix = false;
        using var folder = Folder(model.ToBytes(), null);
        Oracle.AssertSame(model.ToJson(model.ToBytePairs(fallback: true), NoPrefix, start: true), 500, seed: 7, folder.Path);
    }

    [Fact]
    public void What_cannot_be_exact_is_refused_by_name() => Assert.All(_unsupported, each =>
    {
        var model = BytePairs(bytes: true);
        each.Change(model);
        AssertRefused(model.ToBytes(), null, each.Fault);
    });

    [Fact]
    public void Another_class_and_a_missing_beginning_are_refused()
    {
        byte[] model = BytePairs(bytes: true).ToBytes();
        AssertRefused(model, """{"tokenizer_class":"GemmaTokenizer"}""", "asks for the tokenizer_class GemmaTokenizer, which cannot be reproduced exactly without a tokenizer.json; supported: LlamaTokenizer, or none");
        AssertRefused(model, """{"bos_token":null}""", "sets add_bos_token, but there is no such token");
    }

    [Fact]
    public void Every_broken_file_is_refused()
    {
        byte[] model = BytePairs(bytes: false).ToBytes();
        AssertRefused([], null, "is not a SentencePiece model: it has no trainer settings");
        // Llama 3's original file of that name.
        AssertRefused("IQ== 0\nIg== 1\n"u8.ToArray(), null, "is not a SentencePiece model");
        for (int length = 1; length < 600; length += 7) AssertRefused(model[..length], null, "tokenizer.model");
        var random = new Random(8);
        for (int i = 0; i < 200; i++)
        {
            byte[] broken = [.. model];
            for (int j = 0; j < 3; j++) broken[random.Next(broken.Length)] = (byte)random.Next(256);
            using var folder = Folder(broken, null);
            // Some breaks only change a text or a score: then it loads.
            Assert.True(Record.Exception(() => HuggingFaceTokenizer.Load(folder.Path)) is null or CheckpointException);
        }
    }

    [Fact]
    public void A_tokenizer_json_comes_first_and_vocab_json_last()
    {
        using var folder = Folder(BytePairs(bytes: false).ToBytes(), null);
        Assert.True(HuggingFaceTokenizer.Exists(folder.Path));
        File.WriteAllText(folder["vocab.json"], """{"<|endoftext|>":0}""");
        File.WriteAllText(folder["merges.txt"], "#version: 0.2\n");
        Assert.Equal(1, HuggingFaceTokenizer.Load(folder.Path).TokenToId("<s>"));
        File.Copy(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"), folder["tokenizer.json"]);
        Assert.Null(HuggingFaceTokenizer.Load(folder.Path).TokenToId("<s>"));
    }

    private static SentencePieceModel BytePairs(bool bytes) =>
        SentencePieceModel.Of(2, File.ReadAllText(Path.Combine(TestFiles.TinyNovels, "calibration.txt"))[..20_000], 600, bytes, (rank, _) => -rank);

    private static TemporaryFolder Folder(byte[] model, string? config)
    {
        var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["tokenizer.model"], model);
        if (config is not null) File.WriteAllText(folder["tokenizer_config.json"], config);
        return folder;
    }

    private static void AssertRefused(byte[] model, string? config, string fault)
    {
        using var folder = Folder(model, config);
        string message = Assert.Throws<CheckpointException>(() => HuggingFaceTokenizer.Load(folder.Path)).Message;
        Assert.Contains(fault, message, StringComparison.Ordinal);
        Assert.StartsWith(folder.Path, message, StringComparison.Ordinal);
    }
}
