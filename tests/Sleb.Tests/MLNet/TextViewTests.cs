using System.IO.Compression;
using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.Core.Calibration;
using Sleb.MLNet.Data;

namespace Sleb.Tests.MLNet;

/// <summary>LoadSlebText hands rows on so that joining them gives the command line's text, byte for byte.</summary>
public sealed class TextViewTests : IDisposable
{
    private const string Awkward = "\uFEFF  leading spaces\r\n\r\n\ta tab\there,\n\n\n  and blank lines \n";

    private readonly MLContext _ml = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string[] Rows(string path) => [.. _ml.Data.LoadSlebText(path).GetColumn<string>("Text")];

    [Fact]
    public void A_text_file_is_one_row_with_everything_in_it()
    {
        File.WriteAllText(_folder["a.txt"], Awkward);
        using (var gzip = new GZipStream(File.Create(_folder["a.txt.gz"]), CompressionLevel.Fastest))
            gzip.Write(File.ReadAllBytes(_folder["a.txt"]));
        Assert.Equal([Awkward[1..]], Rows(_folder["a.txt"]));
        Assert.Equal([Awkward[1..]], Rows(_folder["a.txt.gz"]));
    }

    [Fact]
    public void Json_lines_are_a_row_each_and_join_to_what_the_command_line_reads()
    {
        File.WriteAllText(_folder["a.jsonl"], "{\"text\": \"one\\n\"}\n\n{\"text\": \"  two\", \"id\": 2}\n{\"text\": \"\"}\n");
        Assert.Equal(["one\n", "  two", ""], Rows(_folder["a.jsonl"]));
        foreach (string join in new[] { TextFile.DefaultJoin, "", " | " })
        {
            var fromRows = TextColumn.Read(_ml.Data.LoadSlebText(_folder["a.jsonl"]), "Text", join, CancellationToken.None);
            Assert.Equal(TextFile.Read(_folder["a.jsonl"], join).Text, fromRows.Text);
        }
    }

    [Fact]
    public void The_file_is_read_when_a_cursor_is_opened_and_by_each_cursor_anew()
    {
        File.WriteAllText(_folder["a.txt"], "before");
        var view = _ml.Data.LoadSlebText(_folder["a.txt"]);
        File.WriteAllText(_folder["a.txt"], "after");
        Assert.Equal(["after"], view.GetColumn<string>("Text"));
        File.WriteAllText(_folder["a.txt"], "later");
        Assert.Equal(["later"], view.GetColumn<string>("Text"));
        Assert.Equal(["later"], _ml.Data.TakeRows(_ml.Data.Cache(view), 5).GetColumn<string>("Text"));
    }

    [Fact]
    public void Missing_files_and_files_of_ids_are_refused()
    {
        Assert.Contains("no.txt does not exist", Assert.Throws<FileNotFoundException>(() => _ml.Data.LoadSlebText(_folder["no.txt"])).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder["ids.jsonl"], "{\"input_ids\": [1, 2, 3]}\n");
        Assert.Contains("input_ids", Assert.Throws<InvalidDataException>(() => Rows(_folder["ids.jsonl"])).Message, StringComparison.Ordinal);
    }
}
