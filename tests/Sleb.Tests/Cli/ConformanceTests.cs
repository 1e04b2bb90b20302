using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>Do the steps, each alone on the files the one before wrote, give what the reference implementation gives?</summary>
public class ConformanceTests
{
    public static TheoryData<string> Folders => ConformanceFolder.Names;

    [Theory]
    [MemberData(nameof(Folders))]
    public void Losses_of_written_folders_equal_the_reference(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var folder = new TemporaryFolder();
        string text = WriteWindows(folder, reference);
        foreach (var (removed, expected) in reference.Losses)
        {
            string written = Export(reference, removed, folder);
            var found = SlebCli.Run("perplexity", written, "--text", text, "--json").Json;
            Assert.Equal(expected, found.GetProperty("meanNll").GetDouble(), 1e-4);
            Assert.Equal((2, 48), (found.GetProperty("windows").GetInt32(), found.GetProperty("tokens").GetInt32()));
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Greedy_ids_of_written_folders_equal_the_reference(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var folder = new TemporaryFolder();
        foreach (var (removed, expected) in reference.GreedyRuns)
        {
            string written = Export(reference, removed, folder);
            var found = SlebCli.Run("generate", written, "--input-ids", string.Join(',', reference.GreedyPrompt),
                "--max-new-tokens", $"{expected.Length}", "--ignore-eos", "--json").Json;
            Assert.Equal(expected, Ints(found.GetProperty("ids")));
            Assert.Equal(JsonValueKind.Null, found.GetProperty("text").ValueKind); // no tokenizer in the folder
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_written_checkpoint_has_the_losses_of_the_blocks_it_kept(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var folder = new TemporaryFolder();
        string text = WriteWindows(folder, reference);
        foreach (var (removed, expected) in reference.Losses)
        {
            string written = Export(reference, removed, folder, "--format", "hf");
            Assert.Equal(reference.Blocks - removed.Length, SlebCli.Run("inspect", written, "--json").Json.GetProperty("blocks").GetInt32());
            Assert.Equal(expected, SlebCli.Run("perplexity", written, "--text", text, "--json").Json.GetProperty("meanNll").GetDouble(), 1e-4);
        }
    }

    internal static string WriteWindows(TemporaryFolder folder, ConformanceFolder reference)
    {
        string path = folder["ids.jsonl"];
        File.WriteAllLines(path, reference.Rows.Select(ids => JsonSerializer.Serialize(new { input_ids = ids })));
        return path;
    }

    internal static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static string Export(ConformanceFolder reference, int[] removed, TemporaryFolder folder, params string[] more)
    {
        string written = folder["without-" + string.Join('-', removed)];
        string[] which = removed.Length == 0 ? [] : ["--remove-blocks", string.Join(',', removed)];
        var call = SlebCli.Run(["export", reference.Path, .. which, "--out", written, "--json", .. more]);
        Assert.Equal("removedBlocks survivors folder bytes", string.Join(' ', call.Keys));
        Assert.Equal(removed, Ints(call.Json.GetProperty("removedBlocks")));
        Assert.Equal(reference.Survivors(removed), Ints(call.Json.GetProperty("survivors")));
        Assert.Equal(written, call.Json.GetProperty("folder").GetString());
        Assert.Equal(Directory.GetFiles(written).Sum(file => new FileInfo(file).Length), call.Json.GetProperty("bytes").GetInt64());
        return written;
    }
}
