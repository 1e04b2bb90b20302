using System.Buffers.Binary;
using System.Security.Cryptography;
using Sleb.Core.Calibration;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Calibration;

/// <summary>Are the windows those that the contract describes?</summary>
public sealed class TokenWindowsTests
{
    [Fact]
    public void Windows_do_not_overlap_and_the_tail_is_dropped()
    {
        var ids = Tokenizer().Encode(Text);
        int whole = ids.Length / 4;
        Assert.NotEqual(0, ids.Length % 4);
        Assert.Equal(ids[..(4 * whole)].Chunk(4), Cut(4));
        Assert.Equal([ids[..4]], Cut(4, most: 1));
        Assert.Equal(whole, Cut(4, most: 1000).Count);
        Assert.Equal([ids], Cut(ids.Length));
    }

    [Fact]
    public void A_text_shorter_than_one_window_is_refused() =>
        Assert.Contains($"a.txt holds {Tokenizer().Encode(Text).Length} tokens, fewer than one window of 500", Assert.Throws<InvalidDataException>(() => Cut(500)).Message, StringComparison.Ordinal);

    [Fact]
    public void No_windows_at_all_cannot_be_asked_for() => Assert.Throws<ArgumentOutOfRangeException>(() => Cut(4, most: 0));

    [Theory]
    [InlineData(null, 2048, 512)]
    [InlineData(null, 256, 256)]
    [InlineData(256, 256, 256)]
    [InlineData(2, 256, 2)]
    public void The_length_is_512_or_the_context_or_as_asked(int? asked, int context, int expected) => Assert.Equal(expected, TokenWindows.Length(asked, context));

    [Theory]
    [InlineData(257, "longer than the model's context of 256")]
    [InlineData(1, "at least 2")]
    [InlineData(-5, "at least 2")]
    public void A_length_that_cannot_be_is_refused(int asked, string fault) =>
        Assert.Contains(fault, Assert.Throws<ArgumentException>(() => TokenWindows.Length(asked, 256)).Message, StringComparison.Ordinal);

    [Fact]
    public void Ids_beyond_the_vocabulary_are_named()
    {
        var ids = Tokenizer().Encode(Text);
        Assert.Contains($"the token id {ids[0]} at position 0, but the model knows ids 0 to {ids[0] - 1}",
            Assert.Throws<InvalidDataException>(() => TokenWindows.Cut(new("a.txt", Text, null), Tokenizer, 4, null, 64, ids[0])).Message, StringComparison.Ordinal);

        var source = new TextSource("a.jsonl", null, [(1, [1, 2]), (4, [3, -1])]);
        Assert.Contains("a.jsonl, line 4 has the token id -1 at position 1", Assert.Throws<InvalidDataException>(() => Ready(source)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ready_windows_stay_as_they_are()
    {
        var source = new TextSource("a.jsonl", null, [(1, [1, 2, 3, 4, 5]), (2, [3, 1])]);

        Assert.Equal([[1, 2, 3, 4, 5], [3, 1]], Ready(source));
        Assert.Equal([[1, 2, 3, 4, 5]], Ready(source, most: 1));
        Assert.Contains("line 1 has 5 token ids, more than the model's context of 4", Assert.Throws<InvalidDataException>(() => Ready(source, context: 4)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_embedded_text_gives_the_tokenizers_ids_in_one_go()
    {
        var source = TextFile.Read(Path.Combine(TestFiles.TinyNovels, "calibration.txt"));
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.TinyNovels);

        var windows = TokenWindows.Cut(source, () => tokenizer, 256, 8, 1024, 2048);

        Assert.Equal(8, windows.Count);
        Assert.Equal(tokenizer.Encode(source.Text!)[..2048], windows.SelectMany(window => window));
    }

    [Fact]
    public void The_fingerprint_is_of_lengths_and_ids()
    {
        int[] written = [2, 1, 2, 3, 3, 4, 5];
        var bytes = new byte[4 * written.Length];
        for (int i = 0; i < written.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), written[i]);

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), TokenWindows.Fingerprint([[1, 2], [3, 4, 5]]));
        Assert.NotEqual(TokenWindows.Fingerprint([[1, 2], [3, 4, 5]]), TokenWindows.Fingerprint([[1, 2, 3], [4, 5]]));
    }

    private const string Text = "The door opened, and nobody came in but the wind.";

    private static HuggingFaceTokenizer Tokenizer() => HuggingFaceTokenizer.Load(TestFiles.TinyNovels);

    private static IReadOnlyList<int[]> Cut(int length, int? most = null) => TokenWindows.Cut(new("a.txt", Text, null), Tokenizer, length, most, 1024, 2048);

    private static IReadOnlyList<int[]> Ready(TextSource source, int? most = null, int context = 64) =>
        TokenWindows.Cut(source, () => throw new InvalidOperationException("Ids need no tokenizer."), 4, most, context, 11);
}
