using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Sleb.Tests.Checkpoints;

namespace Sleb.Tests.Cli;

/// <summary>Is --memory kept by the whole process, seen from outside?</summary>
public class MemoryCapTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_model_larger_than_its_share_is_pruned_and_exported_under_the_cap()
    {
        using var temporary = new TemporaryFolder();
        RandomCheckpoint.Write(temporary["model"], blocks: 12, hidden: 512, intermediate: 1536, heads: 8, vocabulary: 8000); // 100 MB, 200 as float32
        await PruneUnder(480, temporary, removed: 1, windows: 3, tokens: 24, vocabulary: 8000);

        var export = await Run(temporary, 400, "export", "model", "--remove-blocks", "3", "--out", "exported", "--memory", "400MB", "--json");
        Assert.Equal(0, export.ExitCode);
        Assert.Equal(new FileInfo(temporary["exported/model.onnx.data"]).Length, new FileInfo(temporary["out/model.onnx.data"]).Length);
    }

    [Fact]
    public async Task Matrices_as_large_as_a_real_model_s_are_exported_under_the_cap()
    {
        using var temporary = new TemporaryFolder();
        RandomCheckpoint.Write(temporary["model"], blocks: 2, hidden: 2048, intermediate: 5632, heads: 32, vocabulary: 4000, tied: true); // 220 MB
        var export = await Run(temporary, 1000, "export", "model", "--out", "exported", "--memory", "1GB", "--json");
        Assert.True(export.ExitCode == 0, export.Error);
    }

    [Fact]
    public async Task Four_gigabytes_are_pruned_by_two_blocks_and_exported_in_one()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("SLEB_LONG_TESTS") == "1", "It writes 12 GB and takes many minutes: set SLEB_LONG_TESTS=1 to run it.");
        using var temporary = new TemporaryFolder();
        RandomCheckpoint.Write(temporary["model"], blocks: 37, hidden: 2048, intermediate: 5632, heads: 32, vocabulary: 32000);
        await PruneUnder(1000, temporary, removed: 2, windows: 2, tokens: 32, vocabulary: 32000);
    }

    [Fact]
    public async Task A_checkpoint_larger_than_the_cap_is_cut_under_it()
    {
        using var temporary = new TemporaryFolder();
        RandomCheckpoint.Write(temporary["model"], blocks: 48, hidden: 512, intermediate: 1536, heads: 8, vocabulary: 8000); // 340 MB
        var export = await Run(temporary, 260, "export", "model", "--remove-blocks", "3", "--out", "out", "--format", "hf", "--memory", "260MB", "--json");
        Assert.Matches(@"Memory +at most \d+ MB of 260 MB: weights are copied and compared piece by piece", export.Error.ReplaceLineEndings(" "));
        Assert.Equal(47, export.Json.GetProperty("survivors").GetArrayLength());

        var refused = await SlebCli.RunProcess(temporary.Path, "export", "model", "--out", "other", "--format", "hf", "--memory", "100MB");
        Assert.Equal(1, refused.ExitCode);
        Assert.Matches(@"The memory cap is 100 MB, but at least \d+ MB are needed for the program itself. Give a larger --memory.", refused.Error);
        Assert.False(Directory.Exists(temporary["other"]));
    }

    [Fact]
    public async Task A_cap_that_holds_no_block_is_refused_before_the_search()
    {
        using var temporary = new TemporaryFolder();
        var call = await SlebCli.RunProcess(temporary.Path, "prune", TestFiles.TinyNovels, "--remove", "1", "--memory", "50MB", "--run", "run", "--plan-only");
        Assert.Equal(1, call.ExitCode);
        Assert.Matches(new Regex(@"The memory cap is 50 MB, but at least \d+ MB are needed: \d+ MB for the program, \d+ MB for the largest block, .*Give a larger --memory, or"), call.Error.ReplaceLineEndings(" "));
        Assert.False(Directory.Exists(temporary["run"]));
    }

    private async Task PruneUnder(int megabytes, TemporaryFolder temporary, int removed, int windows, int tokens, int vocabulary)
    {
        var random = new Random(3);
        File.WriteAllLines(temporary["ids.jsonl"], Enumerable.Range(0, windows).Select(_ =>
            new JsonObject { ["input_ids"] = new JsonArray([.. Enumerable.Range(0, tokens).Select(_ => (JsonNode)random.Next(vocabulary))]) }.ToJsonString()));
        long start = Stopwatch.GetTimestamp();
        var prune = await Run(temporary, megabytes, "prune", "model", "--remove", $"{removed}", "--calibration", "ids.jsonl", "--windows", $"{windows}",
            "--run", "run", "--out", "out", "--memory", $"{megabytes}MB", "--json");
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, bytes = new FileInfo(temporary["model/model.safetensors"]).Length;
        Assert.True(prune.ExitCode == 0, prune.Error);
        Assert.Matches(@"Memory +at most \d+ MB of \d+ MB: blocks are read", prune.Error.ReplaceLineEndings(" "));
        Assert.Equal(removed, prune.Json.GetProperty("removedBlocks").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, prune.Json.GetProperty("shipped").ValueKind); // loaded as a whole, the folder would not fit
        Assert.True(File.Exists(temporary["out/genai_config.json"]));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s for {bytes / 1e9:0.00} GB: {prune.Error}"));
    }

    /// <summary>Runs the tool and watches its high-water mark, which the kernel keeps.</summary>
    private async Task<CliResult> Run(TemporaryFolder folder, int megabytes, params string[] args)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The high-water mark is read from /proc.");
        using var process = SlebCli.Start(folder.Path, args);
        var result = SlebCli.Finish(process);
        long peak = 0;
        while (!result.IsCompleted)
        {
            peak = Math.Max(peak, Peak(process.Id));
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        output.WriteLine($"sleb {args[0]}: peak {peak / 1_000_000} MB of {megabytes} MB");
        Assert.InRange(peak, 1, megabytes * 1_000_000L);
        return await result;
    }

    private static long Peak(int id)
    {
        try
        {
            string? line = File.ReadLines($"/proc/{id}/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line[6..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) * 1024;
        }
        catch (IOException)
        {
            return 0; // it has just ended
        }
    }
}
