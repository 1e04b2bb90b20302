using System.Buffers.Binary;
using System.Security.Cryptography;
using Sleb.Core.Calibration;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Calibration;

/// <summary>Are the windows those that the contract describes?</summary>
public sealed class TokenWindowsTests
{
    private static readonly int[] _ids = [.. Enumerable.Range(0, 11)];

    [Fact]
    public void Windows_do_not_overlap_and_the_tail_is_dropped()
    {
        Assert.Equal([[0, 1, 2, 3], [4, 5, 6, 7]], TokenWindows.Cut(_ids, 4, "calibration", 11));
        Assert.Equal([[0, 1, 2, 3]], TokenWindows.Cut(_ids, 4, "calibration", 11, most: 1));
        Assert.Equal(2, TokenWindows.Cut(_ids, 4, "calibration", 11, most: 8).Count);
        Assert.Equal([_ids], TokenWindows.Cut(_ids, 11, "calibration", 11));
    }

    [Fact]
    public void A_text_shorter_than_one_window_is_refused() =>
        Assert.Contains("calibration text holds 11 tokens, fewer than one window of 12", Assert.Throws<InvalidDataException>(() => TokenWindows.Cut(_ids, 12, "calibration", 11)).Message, StringComparison.Ordinal);

    [Fact]
    public void No_windows_at_all_cannot_be_asked_for() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenWindows.Cut(_ids, 4, "calibration", 11, most: 0));

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
        Assert.Contains("token id 6 at position 6, but the model knows ids 0 to 5", Assert.Throws<InvalidDataException>(() => TokenWindows.Cut(_ids, 4, "calibration", 6)).Message, StringComparison.Ordinal);
        Assert.Equal(2, TokenWindows.Cut(_ids, 4, "calibration", 8).Count);

        var content = new TextFileContent("a.jsonl", null, [(1, [1, 2]), (4, [3, -1])]);
        Assert.Contains("a.jsonl, line 4 has the token id -1 at position 1", Assert.Throws<InvalidDataException>(() => Read(content, null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ready_windows_stay_as_they_are()
    {
        var content = new TextFileContent("a.jsonl", null, [(1, [1, 2, 3, 4, 5]), (2, [3, 1])]);

        Assert.Equal([[1, 2, 3, 4, 5], [3, 1]], Read(content, null));
        Assert.Equal([[1, 2, 3, 4, 5]], Read(content, 1));
        Assert.Contains("line 1 has 5 token ids, more than the model's context of 4",
            Assert.Throws<InvalidDataException>(() => TokenWindows.Read(content, "calibration", null, 4, 4, 11)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_without_a_tokenizer_is_refused() =>
        Assert.Contains("a.txt holds text, and the model has no tokenizer.json", Assert.Throws<InvalidDataException>(() => Read(new("a.txt", "abc", []), null)).Message, StringComparison.Ordinal);

    [Fact]
    public void The_embedded_text_gives_the_tokenizers_ids_in_one_go()
    {
        var content = TextFile.Read(Path.Combine(TestFiles.TinyNovels, "calibration.txt"));
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.TinyNovels);

        var windows = TokenWindows.Read(content, "calibration", tokenizer, 256, 1024, 2048, 8);

        Assert.Equal(8, windows.Count);
        Assert.Equal(tokenizer.Encode(content.Text!)[..2048], windows.SelectMany(window => window));
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

    private static IReadOnlyList<int[]> Read(TextFileContent content, int? most) => TokenWindows.Read(content, "calibration", null, 4, 64, 11, most);
}
