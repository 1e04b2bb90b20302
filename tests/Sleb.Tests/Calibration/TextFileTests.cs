using System.IO.Compression;
using System.Text;
using Sleb.Core.Calibration;

namespace Sleb.Tests.Calibration;

/// <summary>Does a text file give what its name promises, and say where it does not?</summary>
public sealed class TextFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.txt")]
    [InlineData("a.md.gz")]
    public void Any_other_extension_is_one_text(string name)
    {
        const string text = "{\"text\":1}\r\n\n  naïve 漢字 😀\n";
        Assert.Equal(text, Read(name, [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)]).Text);
    }

    [Theory]
    [InlineData("a.jsonl")]
    [InlineData("a.JSONL.GZ")]
    public void Documents_are_joined_by_two_newlines_or_as_asked(string name)
    {
        var bytes = Encoding.UTF8.GetBytes("\uFEFF{\"text\":\"one\",\"id\":7}\r\n\n{\"text\":\"\"}\n{\"text\":\"\\u00e9\\n\"}");
        Assert.Equal("one\n\n\n\né\n", Read(name, bytes).Text);
        Assert.Equal("one||é\n", TextFile.Read(_folder[name], join: "|").Text);
    }

    [Fact]
    public void Rows_of_text_are_the_documents_or_the_whole()
    {
        Read("a.jsonl", "{\"text\":\"one\"}\n{\"text\":\"\"}\n"u8);
        Read("a.txt", "one\n\ntwo"u8);
        Read("b.jsonl", "{\"input_ids\":[1,2]}"u8);

        Assert.Equal(["one", ""], TextFile.ReadDocuments(_folder["a.jsonl"]));
        Assert.Equal(["one\n\ntwo"], TextFile.ReadDocuments(_folder["a.txt"]));
        Assert.Contains("holds input_ids where text is needed", Assert.Throws<InvalidDataException>(() => TextFile.ReadDocuments(_folder["b.jsonl"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_of_ids_are_windows_with_their_lines()
    {
        var content = Read("a.jsonl", "{\"input_ids\":[1,2,3]}\n\n{\"input_ids\":[0,5]}\n"u8);

        Assert.Null(content.Text);
        Assert.Equal([1, 3], content.Windows!.Select(window => window.Line));
        Assert.Equal([[1, 2, 3], [0, 5]], content.Windows!.Select(window => window.Ids));
    }

    [Theory]
    [InlineData("a.txt", "", "is empty")]
    [InlineData("a.txt", "\uFEFF", "is empty")]
    [InlineData("a.jsonl", "\n \n", "holds no line")]
    [InlineData("a.jsonl", "{\"text\":\"a\"}\n{\"text\":", "line 2 is not valid JSON")]
    [InlineData("a.jsonl", "{\"text\":\"a\"}\n\n[1]", "line 3 is an array, not an object")]
    [InlineData("a.jsonl", "{\"text\":7}", "line 1 has a number as \"text\", not a string")]
    [InlineData("a.jsonl", "{\"text\":null}", "line 1 has null as \"text\"")]
    [InlineData("a.jsonl", "{\"content\":\"a\"}", "line 1 has neither \"text\" nor \"input_ids\"")]
    [InlineData("a.jsonl", "{\"text\":\"a\",\"input_ids\":[1,2]}", "line 1 has both \"text\" and \"input_ids\"")]
    [InlineData("a.jsonl", "{\"text\":\"a\"}\n{\"input_ids\":[1,2]}", "line 2 has input_ids where the lines before have text")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2]}\n{\"text\":\"a\"}", "line 2 has text where the lines before have input_ids")]
    [InlineData("a.jsonl", "{\"input_ids\":\"1\"}", "line 1 has a string as \"input_ids\", not an array")]
    [InlineData("a.jsonl", "{\"input_ids\":[1]}", "line 1 has 1 token ids: nothing to predict")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,2.5]}", "line 1 has 2.5 at position 1 of \"input_ids\"")]
    [InlineData("a.jsonl", "{\"input_ids\":[1,99999999999]}", "line 1 has 99999999999 at position 1")]
    [InlineData("a.jsonl", "{\"text\":\"\\ud83d\"}", "line 1 has half of a surrogate pair")]
    public void A_fault_is_one_sentence_that_says_where(string name, string text, string fault)
    {
        var exception = Assert.Throws<InvalidDataException>(() => Read(name, Encoding.UTF8.GetBytes(text)));
        Assert.StartsWith(_folder[name], exception.Message, StringComparison.Ordinal);
        Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.txt", "0xFF at offset 4 begins")]
    [InlineData("a.jsonl.gz", "0xFF at offset 4 of the unpacked text begins")]
    public void Invalid_bytes_are_named_with_their_offset(string name, string fault) =>
        Assert.Contains(fault, Assert.Throws<InvalidDataException>(() => Read(name, [(byte)'a', 0xC3, 0xA9, (byte)'b', 0xFF, (byte)'c'])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_damaged_gzip_file_is_named(bool truncated)
    {
        Read("a.txt.gz", Enumerable.Range(0, 100_000).Select(i => (byte)('a' + (i * i * 7 % 26))).ToArray());
        File.WriteAllBytes(_folder["b.txt.gz"], truncated ? File.ReadAllBytes(_folder["a.txt.gz"])[..^40] : "plain text"u8.ToArray());

        Assert.Contains("b.txt.gz is not a whole gzip file", Assert.Throws<InvalidDataException>(() => TextFile.Read(_folder["b.txt.gz"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gzip_files_put_behind_one_another_are_one()
    {
        Read("a.txt.gz", "one "u8);
        Read("b.txt.gz", "two"u8);
        File.WriteAllBytes(_folder["c.txt.gz"], [.. File.ReadAllBytes(_folder["a.txt.gz"]), .. File.ReadAllBytes(_folder["b.txt.gz"])]);

        Assert.Equal("one two", TextFile.Read(_folder["c.txt.gz"]).Text);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains(_folder["none.txt"], Assert.Throws<FileNotFoundException>(() => TextFile.Read(_folder["none.txt"])).Message, StringComparison.Ordinal);

    private TextSource Read(string name, ReadOnlySpan<byte> bytes)
    {
        using (Stream file = File.Create(_folder[name]))
        using (var target = name.EndsWith("gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionLevel.Fastest) : file)
            target.Write(bytes);
        return TextFile.Read(_folder[name]);
    }
}
