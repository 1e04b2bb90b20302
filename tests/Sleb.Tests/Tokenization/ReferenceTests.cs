using System.Text.Json;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Ids that Hugging Face's Python libraries gave.</summary>
public sealed class ReferenceTests
{
    [Fact]
    public void SmolLM2_has_the_recorded_ids()
    {
        using var reference = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Shared("reference", "smollm2-tokenizer.json")));
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Shared("models", "smollm2-135m"));
        var cases = reference.RootElement.GetProperty("cases").EnumerateArray().ToArray();

        Assert.Equal(26, cases.Length);
        Assert.All(cases, each => Assert.Equal(Ids(each.GetProperty("ids")), tokenizer.Encode(each.GetProperty("text").GetString()!)));

        string text = File.ReadAllText(TestFiles.Shared("data", "wikitext-2-raw", "wiki.valid.raw"))[..20_000];
        Assert.Equal(Ids(reference.RootElement.GetProperty("wikitext_valid_first_20000_chars")), tokenizer.Encode(text));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void TinyNovels_has_the_recorded_ids_and_text()
    {
        using var reference = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Data("tiny-novels.json")));
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.TinyNovels);
        var greedy = reference.RootElement.GetProperty("greedy").EnumerateObject().ToArray();

        Assert.Equal(3, greedy.Length);
        Assert.All(greedy, each =>
        {
            Assert.Equal(Ids(each.Value.GetProperty("prompt_ids")), tokenizer.Encode(each.Name));
            Assert.Equal(each.Value.GetProperty("text").GetString(), tokenizer.Decode(Ids(each.Value.GetProperty("ids")), skipSpecialTokens: true));
        });
    }

    [Fact]
    public void Stories260k_has_the_recorded_text()
    {
        using var reference = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Shared("models", "stories260k", "expected_greedy.json")));
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Shared("models", "stories260k"));
        int[] ids = Ids(reference.RootElement.GetProperty("greedy_ids"));
        string text = reference.RootElement.GetProperty("text").GetString()!;

        Assert.Equal(text, tokenizer.Decode(ids, skipSpecialTokens: true));
        Assert.Equal(Ids(reference.RootElement.GetProperty("prompt")), tokenizer.Encode(""));
        Assert.Equal(1, tokenizer.Encode(text)[0]);
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text), skipSpecialTokens: true));
    }

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];
}
