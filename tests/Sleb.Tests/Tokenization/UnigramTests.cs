using System.Text;
using System.Text.Json.Nodes;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Do Unigram models give the original's ids and text, from tokenizer.json and from tokenizer.model?</summary>
public sealed class UnigramTests
{
    private const string Metaspace = """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""";
    private const string Plain = $$"""{"pre_tokenizer":{{Metaspace}},"decoder":{{Metaspace}}}""";

    /// <summary>Parts of a tokenizer.json, by what they stand for.</summary>
    private static readonly Dictionary<string, string> _styles = new()
    {
        ["plain"] = Plain,
        ["no pre-tokenizer"] = """{"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}}""",
        ["white space split"] = $$"""{"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{{Metaspace}}]},"decoder":{{Metaspace}}}""",
        ["normalized"] = $$"""{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Strip","strip_left":false,"strip_right":true},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}]},"pre_tokenizer":{{Metaspace}},"decoder":{{Metaspace}}}""",
    };

    public static TheoryData<string, bool> Styles => [.. from style in _styles.Keys from bytes in (bool[])[false, true] select new TheoryDataRow<string, bool>(style, bytes)];

    [Theory]
    [MemberData(nameof(Styles))]
    public void Styles_have_no_difference(string style, bool bytes)
    {
        var model = Model(bytes);
        Oracle.AssertSame(model.ToJson(model.ToUnigram(bytes), _styles[style], start: true), Texts(model, 2000));
    }

    [Fact]
    public void Ties_are_broken_alike()
    {
        // Whole numbers sum up exactly, so that many ways are equally good.
        var model = SentencePieceModel.Of(1, "aabbabaababbab aab ba bba abab ccc cacb abc cab", 60, bytes: true, (rank, _) => -1 - rank % 3);
        // The unknown's own text, and a word that only unknown characters spell.
        model.Pieces.Add(new("ÄÖ", -30, SentencePieceKind.Normal));
        model.Pieces.Add(new("<u", -2, SentencePieceKind.Normal));
        // Between these two ways the penalty of the unknown decides.
        model.Pieces.AddRange([new("d", 5, SentencePieceKind.Normal), new("Äd", -30, SentencePieceKind.Normal)]);
        var random = new Random(3);
        var texts = Enumerable.Range(0, 3000).Select(_ => string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => random.Next(12) switch { 0 => "<unk>", 1 => "ÄÖ", 2 => "Ä", 3 => "<u", 4 => " ", var other => $"{(char)('a' + other % 4)}" })));
        foreach (bool fallback in (bool[])[false, true])
        {
            var file = model.ToJson(model.ToUnigram(fallback), Plain, start: false);
            Oracle.AssertSame(file, texts);
            // Without the added tokens the vocabulary itself finds the unknown's text.
            file["added_tokens"] = new JsonArray();
            Oracle.AssertSame(file, texts);
        }
    }

    [Fact]
    public void Of_equal_tokens_the_last_counts()
    {
        var model = Model(bytes: false);
        model.Pieces.AddRange([new("the", -1, SentencePieceKind.Normal), new("▁", -20, SentencePieceKind.Normal)]);
        Oracle.AssertSame(model.ToJson(model.ToUnigram(fallback: false), Plain, start: false), Texts(model, 500));
    }

    [Fact]
    public void A_compiled_map_has_no_difference()
    {
        var model = Model(bytes: true);
        var file = model.ToJson(model.ToUnigram(fallback: true), Plain, start: false);
        file["normalizer"] = JsonNode.Parse($$"""{"type":"Precompiled","precompiled_charsmap":"{{Convert.ToBase64String(CharacterMapBuilder.Build(Compatibility()))}}"}""");
        Oracle.AssertSame(file, Texts(model, 3000));
    }

    [Theory]
    [InlineData("a", "")]
    [InlineData("", "a")]
    [InlineData("", "\u0301")]
    [InlineData("", "\u200D")]
    [InlineData("\u0600", "")]
    [InlineData("\u00A9\u200D", "")]
    [InlineData("\r", "\n")]
    public void A_compiled_map_takes_every_character_alike(string before, string behind)
    {
        // What is mapped becomes ASCII, which a vocabulary of single bytes tells apart; the rest of its cluster is dropped.
        var entries = Every().Where(value => value % 3 != 0).Select(value => ($"{new Rune(value)}", $"{value:X}")).Append(("a", "(a)")).Append(("\r", "(r)")).DistinctBy(entry => entry.Item1);
        var model = new SentencePieceModel { Type = 1 };
        model.Pieces.AddRange(Enumerable.Range(0, 256).Select(value => new SentencePiece($"<0x{value:X2}>", -1, SentencePieceKind.Byte)));
        var file = model.ToJson(model.ToUnigram(fallback: true), """{"decoder":{"type":"ByteFallback"}}""", start: false);
        file["normalizer"] = JsonNode.Parse($$"""{"type":"Precompiled","precompiled_charsmap":"{{Convert.ToBase64String(CharacterMapBuilder.Build(entries))}}"}""");
        Oracle.AssertSame(file, Every().Select(value => $"{before}{new Rune(value)}{behind}").Chunk(64).Select(chunk => string.Join('_', chunk)));
    }

    [Theory]
    [InlineData(true, true, null, """{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]}""")]
    [InlineData(false, null, null, Metaspace)]
    [InlineData(false, false, false, """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}""")]
    public void A_tokenizer_model_has_no_difference(bool bytes, bool? removesExtraSpaces, bool? addsPrefix, string decoder)
    {
        var model = Model(bytes);
        model.Pieces.Insert(5, new("<sep>", 0, SentencePieceKind.UserDefined));
        (model.RemovesExtraSpaces, model.AddsPrefix, model.CharacterMap) = (removesExtraSpaces, addsPrefix, CharacterMapBuilder.Build(Compatibility()));
        string precompiled = $$"""{"type":"Precompiled","precompiled_charsmap":"{{Convert.ToBase64String(model.CharacterMap)}}"}""";
        string spaces = removesExtraSpaces is false ? "" : """,{"type":"Strip","strip_left":false,"strip_right":true},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}""";
        string metaspace = addsPrefix is false ? decoder : Metaspace;
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["tokenizer.model"], model.ToBytes());
        Oracle.AssertSame(model.ToJson(model.ToUnigram(bytes), $$"""{"normalizer":{"type":"Sequence","normalizers":[{{precompiled}}{{spaces}}]},"pre_tokenizer":{{metaspace}},"decoder":{{decoder}}}""", start: false), 1000, seed: 9, folder.Path);
    }

    /// <summary>Compatibility forms as in SentencePiece's nmt_nfkc: characters, their composed sequences, white space and characters that vanish.</summary>
    private static IEnumerable<(string, string)> Compatibility()
    {
        var forms = Every().Select(value => $"{new Rune(value)}").SelectMany(text => (string[])[text, text.Normalize(NormalizationForm.FormD)]).Distinct()
            .Select(text => (text, text.Normalize(NormalizationForm.FormKC))).Where(form => form.Item1 != form.Item2 && form.Item1.Length > 0);
        return forms.Concat([("\t", " "), ("\n", " "), ("\r", " "), ("\u200B", " "), ("\u0001", ""), ("\u007F", ""), ("\u00AD", "")]).DistinctBy(form => form.Item1);
    }

    /// <summary>Every character of the planes in use.</summary>
    private static IEnumerable<int> Every() => Enumerable.Range(1, 0x1FFFF).Concat(Enumerable.Range(0xE0000, 0x200)).Where(value => Rune.IsValid(value) && (value & 0xFFFE) != 0xFFFE);

    private static IEnumerable<string> Texts(SentencePieceModel model, int count) => new RandomTexts(7, model.Pieces.Where(piece => piece.Text.StartsWith('<')).Select(piece => piece.Text)).Take(count);

    private static SentencePieceModel Model(bool bytes) =>
        SentencePieceModel.Of(1, File.ReadAllText(Path.Combine(TestFiles.TinyNovels, "calibration.txt"))[..20_000], 800, bytes, (_, count) => (float)Math.Log(count / 60_000.0));
}
