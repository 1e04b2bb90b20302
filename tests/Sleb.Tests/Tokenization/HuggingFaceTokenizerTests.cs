using System.Buffers;
using System.Text.Json.Nodes;
using Microsoft.ML.Tokenizers;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Tokenization;

/// <summary>Does the type behave as ML.NET's tokenizers do, in streams, in threads and at size?</summary>
public sealed class HuggingFaceTokenizerTests
{
    private const string Text = "The naïve café — 漢字 😀👩‍👩 said 123 times.\r\n<|endoftext|>  \"Oh!\"";

    private static HuggingFaceTokenizer TinyNovels => HuggingFaceTokenizer.Load(TestFiles.TinyNovels);

    [Fact]
    public void The_base_class_gives_the_same_ids_and_text()
    {
        var ours = TinyNovels;
        Tokenizer tokenizer = ours;
        int[] ids = ours.Encode(Text);

        Assert.Equal(ids, tokenizer.EncodeToIds(Text));
        Assert.Equal(ids, tokenizer.EncodeToIds(Text.AsSpan()));
        Assert.Equal(ids.Length, tokenizer.CountTokens(Text));
        Assert.Equal(Text, tokenizer.Decode(ids));
    }

    [Fact]
    public void Tokens_cover_the_text_and_never_half_a_character()
    {
        var tokens = TinyNovels.EncodeToTokens(Text, out string? normalized);

        Assert.Equal(Text, normalized);
        Assert.Equal(Text, string.Concat(tokens.Select(token => Text[token.Offset])));
        Assert.All(tokens, token => Assert.False(token.Offset.End.Value < Text.Length && char.IsLowSurrogate(Text[token.Offset.End.Value])));
        Assert.Equal("<|endoftext|>", Text[Assert.Single(tokens, token => token.Id == 0).Offset]);
        Assert.Contains(tokens, token => token.Value == "Ġsaid" && Text[token.Offset] == " said");
    }

    [Fact]
    public void Counting_from_either_end_cuts_where_the_tokens_do()
    {
        var ours = TinyNovels;
        for (int count = 1; count < 40; count += 3)
        {
            int index = ours.GetIndexByTokenCount(Text, count, out _, out int taken);
            Assert.Equal(count, taken);
            Assert.Equal(string.Concat(ours.EncodeToTokens(Text, out _).Take(count).Select(token => Text[token.Offset])), Text[..index]);
            Assert.Equal(ours.EncodeToIds(Text).Take(count), ours.EncodeToIds(Text, count, out _, out int consumed));
            Assert.Equal(index, consumed);
        }
        int last = ours.GetIndexByTokenCountFromEnd(Text, 2, out _, out _);
        Assert.Equal(ours.Encode(Text)[^2..], ours.Encode(Text[last..]));
    }

    [Fact]
    public void Offsets_refer_to_the_normalized_text()
    {
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Shared("models", "stories260k"));
        var tokens = tokenizer.EncodeToTokens("Once upon 漢", out string? normalized);

        Assert.Equal("▁Once▁upon▁漢", normalized);
        Assert.Equal(normalized, string.Concat(tokens.Select(token => normalized![token.Offset])));
    }

    [Fact]
    public void Special_tokens_are_added_only_when_asked()
    {
        var file = Oracle.Read(Path.Combine(TestFiles.TinyNovels, "tokenizer.json"));
        file["post_processor"] = JsonNode.Parse("""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|pad|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<|pad|>":{"id":"<|pad|>","ids":[1],"tokens":["<|pad|>"]}}}""");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], file.ToJsonString());
        var tokenizer = HuggingFaceTokenizer.Load(folder.Path);

        Assert.Equal([1, .. tokenizer.Encode(Text, addSpecialTokens: false)], tokenizer.Encode(Text));
        Assert.Equal(tokenizer.Encode(Text, addSpecialTokens: false), tokenizer.EncodeToIds(Text));
        Assert.Equal("<|pad|>" + Text, tokenizer.Decode(tokenizer.Encode(Text)));
        Assert.Equal(Text.Replace("<|endoftext|>", "", StringComparison.Ordinal), tokenizer.Decode(tokenizer.Encode(Text), skipSpecialTokens: true));
    }

    [Fact]
    public void Tokens_and_ids_know_each_other()
    {
        var tokenizer = TinyNovels;
        Assert.Equal(2048, tokenizer.VocabularySize);
        Assert.Equal(new Dictionary<string, int> { ["<|endoftext|>"] = 0, ["<|pad|>"] = 1 }, tokenizer.SpecialTokens);
        Assert.All(Enumerable.Range(0, 2048), id => Assert.Equal(id, tokenizer.TokenToId(tokenizer.IdToToken(id)!)));
        Assert.Null(tokenizer.TokenToId("no such token"));
        Assert.Null(tokenizer.IdToToken(2048));
        Assert.Equal("", tokenizer.Decode([2048, -1]));
    }

    [Theory]
    [InlineData("models/tiny-novels")]
    [InlineData("../shared/models/stories260k")]
    public void A_stream_gives_the_same_text_piece_by_piece(string folder)
    {
        var tokenizer = HuggingFaceTokenizer.Load(folder.StartsWith("..", StringComparison.Ordinal) ? TestFiles.Shared("models", "stories260k") : Path.Combine(TestFiles.Root, folder));
        var random = new Random(5);
        foreach (string text in new RandomTexts(5, tokenizer.SpecialTokens.Keys).Take(300))
        {
            int[] ids = random.Next(2) == 0 ? tokenizer.Encode(text) : [.. Enumerable.Range(0, 20).Select(_ => random.Next(tokenizer.VocabularySize))];
            var stream = tokenizer.CreateStreamDecoder();
            var pieces = ids.Select(stream.Append).ToList();

            Assert.Equal(tokenizer.Decode(ids), string.Concat(pieces) + stream.Finish());
        }
    }

    [Fact]
    public void A_stream_gives_each_word_at_once_and_holds_back_half_a_character()
    {
        var tokenizer = TinyNovels;
        var stream = tokenizer.CreateStreamDecoder();
        string[] pieces = [.. tokenizer.Encode("The door 😀").Select(stream.Append)];

        Assert.Equal(["The", " door"], pieces[..2]);
        Assert.Equal(["", "", "", "😀"], pieces[^4..]);
        Assert.Equal("", stream.Finish());
    }

    [Fact]
    public void Decoding_into_a_span_stops_where_it_is_full()
    {
        var tokenizer = TinyNovels;
        int[] ids = tokenizer.Encode(Text);
        var whole = new char[Text.Length];

        Assert.Equal(OperationStatus.Done, tokenizer.Decode(ids, whole, out int consumed, out int written));
        Assert.Equal((ids.Length, Text.Length, Text), (consumed, written, new string(whole)));

        var part = new char[10];
        Assert.Equal(OperationStatus.DestinationTooSmall, tokenizer.Decode(ids, part, out consumed, out written));
        Assert.Equal(tokenizer.Decode(ids[..consumed]), new string(part, 0, written));
        Assert.InRange(written, 1, 10);
    }

    [Fact]
    public void Lone_surrogates_count_as_the_replacement_character()
    {
        var tokenizer = TinyNovels;
        Assert.Equal(tokenizer.Encode("a\uFFFDb😀\uFFFD"), tokenizer.Encode("a\uD83Db😀\uDE00"));
        Assert.Equal(tokenizer.Encode("\uFFFD"), tokenizer.Encode("\uD83D"));
    }

    [Fact]
    public void Many_threads_get_the_ids_of_one()
    {
        var texts = new RandomTexts(9, ["<|endoftext|>"]).Take(400).ToArray();
        var alone = TinyNovels;
        var expected = texts.Select(text => alone.Encode(text)).ToArray();
        var shared = TinyNovels;

        Parallel.For(0, 8 * texts.Length, i => Assert.Equal(expected[i % texts.Length], shared.Encode(texts[i % texts.Length])));
    }

    [Fact]
    public void A_long_word_takes_time_in_proportion()
    {
        var tokenizer = TinyNovels;
        string word = string.Concat(Enumerable.Range(0, 200_000).Select(i => (char)('a' + (i * 31 % 26 + i / 26) % 26)));
        int[] ids = tokenizer.Encode(word);
        Assert.Equal(word, tokenizer.Decode(ids));

        // A quadratic loop would need four hundredfold for the twentyfold; the shortest of several runs is robust against a busy machine.
        double Shortest(string text) => Enumerable.Range(0, 5).Min(_ =>
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            tokenizer.Encode(text);
            return System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        });
        double part = Shortest(word[..10_000]), whole = Shortest(word);
        Assert.True(whole < 150 * part, $"10,000 letters take {part:F1} ms, 200,000 take {whole:F1} ms.");
    }
}
