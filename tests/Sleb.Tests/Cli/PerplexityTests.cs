using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>Is the loss of a text the reference's, on the checkpoint and on the written folder, however the text is given?</summary>
public class PerplexityTests(DenseFolder dense) : IClassFixture<DenseFolder>
{
    private static readonly string Text = Path.Combine(TestFiles.TinyNovels, "evaluation.txt");

    private static double Expected => JsonDocument.Parse(File.ReadAllText(TestFiles.Data("tiny-novels.json"))).RootElement
        .GetProperty("evaluation_curve")[0].GetProperty("mean_nll").GetDouble();

    [Fact]
    public void Checkpoint_and_written_folder_have_the_reference_loss()
    {
        foreach (string model in (string[])[TestFiles.TinyNovels, dense.Path])
        {
            var call = SlebCli.Run("perplexity", model, "--text", Text, "--sequence-length", "256", "--json");
            Assert.Equal("meanNll perplexity standardError windows tokens windowNll", string.Join(' ', call.Keys));
            Assert.Equal(Expected, call.Json.GetProperty("meanNll").GetDouble(), 1e-4);
            Assert.Equal(Math.Exp(call.Json.GetProperty("meanNll").GetDouble()), call.Json.GetProperty("perplexity").GetDouble(), 1e-9);
            Assert.Equal((21, 21 * 256), (call.Json.GetProperty("windows").GetInt32(), call.Json.GetProperty("tokens").GetInt32()));
            double[] windows = [.. call.Json.GetProperty("windowNll").EnumerateArray().Select(nll => nll.GetDouble())];
            Assert.Equal(windows.Average(), call.Json.GetProperty("meanNll").GetDouble(), 1e-12);
            double variance = windows.Sum(nll => Math.Pow(nll - windows.Average(), 2)) / 20;
            Assert.Equal(Math.Sqrt(variance / 21), call.Json.GetProperty("standardError").GetDouble(), 1e-9);
            Assert.Equal("", call.Error);
        }
    }

    [Fact]
    public void Windows_are_taken_from_the_start_and_one_has_no_standard_error()
    {
        var one = SlebCli.Run("perplexity", dense.Path, "--text", Text, "--windows", "1", "--json").Json;
        Assert.Equal((1, 512), (one.GetProperty("windows").GetInt32(), one.GetProperty("tokens").GetInt32()));
        Assert.Equal(JsonValueKind.Null, one.GetProperty("standardError").ValueKind);
        var more = SlebCli.Run("perplexity", dense.Path, "--text", Text, "--windows", "2", "--json").Json;
        Assert.Equal(one.GetProperty("windowNll")[0].GetDouble(), more.GetProperty("windowNll")[0].GetDouble());
        var all = SlebCli.Run("perplexity", dense.Path, "--text", Text, "--windows", "1000");
        Assert.Matches(@"^warning: .*evaluation\.txt holds 10 windows of 512 tokens, fewer than the 1000 asked for\.\n$", all.Error);
        Assert.Contains("10 windows, 5,120 tokens of", all.Out);
    }

    [Fact]
    public void The_same_text_in_other_clothes_has_the_same_loss()
    {
        using var folder = new TemporaryFolder();
        string[] parts = File.ReadAllText(Text).Split("\n\n");
        string[] lines = [.. parts.Select(part => JsonSerializer.Serialize(new { text = part }))];
        File.WriteAllLines(folder["text.jsonl"], lines);
        using (var packed = new GZipStream(File.Create(folder["text.txt.gz"]), CompressionLevel.Fastest)) packed.Write(File.ReadAllBytes(Text));
        File.WriteAllText(folder["text.md"], File.ReadAllText(Text), new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        double Loss(string path, params string[] more) =>
            SlebCli.Run(["perplexity", dense.Path, "--text", path, "--windows", "2", "--json", .. more]).Json.GetProperty("meanNll").GetDouble();
        double expected = Loss(Text);
        Assert.All((string[])["text.jsonl", "text.txt.gz", "text.md"], name => Assert.Equal(expected, Loss(folder[name])));
        Assert.NotEqual(expected, Loss(folder["text.jsonl"], "--join", " "));
    }

    [Fact]
    public void Bad_texts_fail_with_the_place()
    {
        using var folder = new TemporaryFolder();
        string Write(string name, string content)
        {
            File.WriteAllText(folder[name], content);
            return folder[name];
        }
        CliResult Measure(string path) => SlebCli.Run("perplexity", dense.Path, "--text", path);
        Measure(folder["none.txt"]).AssertFailed("none.txt does not exist");
        Measure(Write("lines.jsonl", "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n")).AssertFailed("lines.jsonl, line 2");
        Measure(Write("ids.jsonl", "{\"input_ids\":[1,2]}\n{\"input_ids\":[1,9999]}\n")).AssertFailed("ids.jsonl, line 2", "9999");
        Measure(Write("short.txt", "Too short.")).AssertFailed("short.txt", "512");
        File.WriteAllBytes(folder["latin.txt"], [0x61, 0x62, 0xE9, 0x63]);
        Measure(folder["latin.txt"]).AssertFailed("latin.txt", "offset 2");
        Assert.Equal(2, SlebCli.Run("perplexity", dense.Path, "--text", Text, "--sequence-length", "1025").ExitCode);
    }

    [Fact]
    public void A_written_folder_is_described_like_any_model()
    {
        var call = SlebCli.Run("inspect", dense.Path, "--json").Json;
        Assert.Equal(("llama", 12, 192), (call.GetProperty("family").GetString(), call.GetProperty("blocks").GetInt32(), call.GetProperty("hiddenSize").GetInt32()));
        Assert.Equal((2048, 1024), (call.GetProperty("vocabularySize").GetInt32(), call.GetProperty("contextLength").GetInt32()));
        Assert.Equal(JsonValueKind.Null, call.GetProperty("parameters").ValueKind);
        Assert.Equal(new FileInfo(Path.Combine(dense.Path, "model.onnx")).Length + new FileInfo(Path.Combine(dense.Path, "model.onnx.data")).Length, call.GetProperty("bytes").GetInt64());
        Assert.True(call.GetProperty("supported").GetBoolean());
    }

    /// <summary>Native libraries write where they like: only a process shows whether standard output stays pure.</summary>
    [Fact]
    public async Task As_a_process_standard_output_holds_the_document_alone()
    {
        foreach (string model in (string[])[TestFiles.TinyNovels, dense.Path])
        {
            var call = await SlebCli.RunProcess(Path.GetTempPath(), "perplexity", model, "--text", Text, "--windows", "1", "--json");
            Assert.Equal(1, call.Json.GetProperty("windows").GetInt32());
            Assert.Equal("", call.Error);
        }
        var failed = await SlebCli.RunProcess(Path.GetTempPath(), "generate", dense.Path, "--input-ids", "99999", "--json");
        failed.AssertWrongCall("Token id 99999 is outside the model's vocabulary of 2048; the ids come from another tokenizer.", "sleb generate");
    }
}
