using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sleb.Tests.Tokenization;

/// <summary>Do the sets and forms of Unicode hold the same characters here and in Hugging Face's library?</summary>
public sealed class UnicodeTests
{
    [Theory]
    [InlineData("NFC")]
    [InlineData("NFD")]
    [InlineData("NFKC")]
    [InlineData("NFKD")]
    public void Forms_change_every_character_alike(string form)
    {
        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        file["normalizer"] = new JsonObject { ["type"] = form };
        // Behind a mark of a high class and before one of a low class, and before one it may join.
        Oracle.AssertSame(file, Chunks(character => $"a\u0345{character}\u0334 {character}\u0323\u0301x"));
    }

    [Theory]
    [InlineData(@"\s+|\p{L}")]
    [InlineData(@"\p{N}|\p{P}")]
    [InlineData(@"\p{S}|\p{M}|\p{C}")]
    [InlineData(@"\p{Lu}|\p{Lt}|\p{Lm}")]
    [InlineData(@"\p{Ll}|\p{Lo}|\d")]
    [InlineData(@"(?i:[abcdefghijklm]|n|o|p|q|r|s|t|u|v|w|x|y|z)")]
    public void Sets_hold_the_same_characters(string regex)
    {
        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        file["pre_tokenizer"] = JsonNode.Parse($$"""
            {"type":"Sequence","pretokenizers":[
              {"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(regex)}}},"behavior":"Removed","invert":false},
              {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}
            """);
        Oracle.AssertSame(file, Chunks(character => $"{character}"));
    }

    /// <summary>Every character of the planes in use, some at a time.</summary>
    private static IEnumerable<string> Chunks(Func<Rune, string> context) =>
        Enumerable.Range(1, 0x1FFFF).Concat(Enumerable.Range(0xE0000, 0x200)).Where(Rune.IsValid).Select(value => context(new Rune(value))).Chunk(100).Select(chunk => string.Concat(chunk));
}
