using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using Sleb.Tests.Cli;
using Sleb.Tests.Tokenization;

namespace Sleb.Tests.Onnx;

/// <summary>Does a written folder say where ONNX Runtime GenAI's own tokenizer disagrees with Hugging Face's?</summary>
public sealed class TokenizerCheckTests
{
    // GenAI passes over the prefix space.
    private const string PrefixSpace = """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""";

    [Fact]
    public void Where_both_agree_nothing_is_said()
    {
        Assert.Empty(Notes(_ => { }));
        Assert.Empty(Notes(folder => Change(folder, "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}""")));
        // By ids.
        Assert.Empty(Notes(folder => File.Delete(Path.Combine(folder, "tokenizer.json"))));
    }

    [Fact]
    public void A_disagreement_is_a_note_with_an_example()
    {
        Assert.StartsWith(
            "ONNX Runtime GenAI's own tokenizer gives other ids than Hugging Face's for 19 of 20 test texts, among them \"Hello, world!\".",
            Assert.Single(Notes(folder => Change(folder, "pre_tokenizer", PrefixSpace))), StringComparison.Ordinal);
        // It does not normalize: what Qwen's files ask for.
        Assert.Contains("among them \"caf\\u00E9 cafe\\u0301", Assert.Single(Notes(folder => Change(folder, "normalizer", """{"type":"NFC"}"""))), StringComparison.Ordinal);
    }

    [Fact]
    public void What_either_side_cannot_read_is_a_note_too()
    {
        string note = Assert.Single(Notes(folder => File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class":"NoSuchTokenizer"}""")));
        Assert.Matches("^ONNX Runtime GenAI cannot use the tokenizer of .*out: .*Programs can give it ids, as Sleb does\\.$", note);

        // What GenAI's own wrapper does with an object whose constructor failed ends the process here.
        GC.Collect();
        GC.WaitForPendingFinalizers();

        note = Assert.Single(Notes(folder => Change(folder, "pre_tokenizer", """{"type":"BertPreTokenizer"}""")));
        Assert.Matches("^ONNX Runtime GenAI's tokenizer could not be compared with Hugging Face's: .*out/tokenizer.json asks for the pre-tokenizer BertPreTokenizer", note.Replace('\\', '/'));
    }

    [Fact]
    public void Older_files_become_a_tokenizer_json_that_genai_reads_alike()
    {
        using var folder = Copy(source =>
        {
            var file = Oracle.Read(Path.Combine(source, "tokenizer.json"));
            File.Delete(Path.Combine(source, "tokenizer.json"));
            File.WriteAllText(Path.Combine(source, "vocab.json"), file["model"]!["vocab"]!.ToJsonString());
            File.WriteAllLines(Path.Combine(source, "merges.txt"), file["model"]!["merges"]!.AsArray().Select(merge => merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)merge!));
            File.WriteAllText(Path.Combine(source, "tokenizer_config.json"), """{"tokenizer_class":"GPT2Tokenizer"}""");
        });
        Assert.Empty(Export(folder).Notes);
        Assert.True(File.Exists(folder["out", "tokenizer.json"]));
        var (before, after) = (HuggingFaceTokenizer.Load(folder["in"]), HuggingFaceTokenizer.Load(folder["out"]));
        using var model = GenAIModel.Load(folder["out"]);
        string[] texts = [.. new RandomTexts(11, ["<|endoftext|>"]).Take(200)];
        Assert.All(texts, text => Assert.Equal(before.Encode(text), after.Encode(text)));
        Assert.Equal(before.Encode("The door was open."), model.Encode(["The door was open."])[0]);
    }

    [Fact]
    public void Older_files_that_cannot_be_exact_leave_a_folder_that_works_by_ids()
    {
        using var folder = Copy(source =>
        {
            File.Delete(Path.Combine(source, "tokenizer.json"));
            File.WriteAllText(Path.Combine(source, "tokenizer.model"), "no protocol buffer");
        });
        Assert.StartsWith("ONNX Runtime GenAI's tokenizer could not be compared", Assert.Single(Export(folder).Notes), StringComparison.Ordinal);
        Assert.False(File.Exists(folder["out", "tokenizer.json"]));
        using var model = GenAIModel.Load(folder["out"]);
        Assert.Equal(3, model.Generate([5, 6, 7], new() { MaxNewTokens = 3, IgnoreEos = true }).Count);
    }

    [Fact]
    public void Export_and_prune_print_the_disagreement()
    {
        using var folder = Copy(source => Change(source, "pre_tokenizer", PrefixSpace));
        var export = SlebCli.Run("export", folder["in"], "--out", folder["out"], "--remove-blocks", "1");
        Assert.Equal(0, export.ExitCode);
        Assert.Contains("tokenizer gives other ids", Unwrapped(export.Error), StringComparison.Ordinal);

        var prune = SlebCli.Run("prune", folder["in"], "--remove", "1", "--calibration", Path.Combine(TestFiles.TinyNovels, "calibration.txt"),
            "--windows", "2", "--sequence-length", "64", "--evaluation-windows", "2", "--out", folder["pruned"], "--run", folder["run"]);
        Assert.True(prune.ExitCode == 0, prune.Error);
        Assert.Contains("tokenizer gives other ids", Unwrapped(prune.Error), StringComparison.Ordinal);
    }

    private static string Unwrapped(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static void Change(string folder, string member, string value)
    {
        var file = Oracle.Read(Path.Combine(folder, "tokenizer.json"));
        file[member] = JsonNode.Parse(value);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), file.ToJsonString());
    }

    private static IReadOnlyList<string> Notes(Action<string> change)
    {
        using var folder = Copy(change);
        return Export(folder).Notes;
    }

    /// <summary>The embedded model in the folder's <c>in</c>, changed.</summary>
    private static TemporaryFolder Copy(Action<string> change)
    {
        var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["in"]);
        foreach (string file in Directory.GetFiles(TestFiles.TinyNovels)) File.WriteAllBytes(folder["in", Path.GetFileName(file)], File.ReadAllBytes(file));
        change(folder["in"]);
        return folder;
    }

    private static ExportResult Export(TemporaryFolder folder)
    {
        using var checkpoint = Checkpoint.Open(folder["in"]);
        return OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = folder["out"] }, TestContext.Current.CancellationToken);
    }
}
