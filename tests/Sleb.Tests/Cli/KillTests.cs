namespace Sleb.Tests.Cli;

/// <summary>Is nothing lost when the process dies without a word?</summary>
public class KillTests
{
    [Fact]
    public async Task Killed_at_random_moments_the_search_ends_with_the_same_bytes_and_scores_no_candidate_twice()
    {
        using PruneRun whole = new(), killed = new();
        Assert.Equal(0, whole.Prune(4, "--plan-only").ExitCode);
        string[] expected = File.ReadAllLines(Path.Combine(whole.RunFolder, "run.jsonl"));

        string trace = Path.Combine(killed.RunFolder, "run.jsonl");
        var random = new Random(17);
        int struck = 0;
        for (int lines = random.Next(1, 8); lines < expected.Length; lines += random.Next(4, 12))
        {
            using var process = SlebCli.Start(Path.GetTempPath(), killed.Args(4, "--plan-only"));
            while (!process.HasExited && Lines(trace) < lines) await Task.Delay(1, TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            if (Lines(trace) < expected.Length) struck++;
        }
        Assert.NotEqual(0, struck); // else every process was done before its kill, and nothing was tried
        Assert.Equal(0, killed.Prune(4, "--plan-only").ExitCode);

        Assert.Equal(File.ReadAllBytes(whole.Plan), File.ReadAllBytes(killed.Plan));
        // One line a candidate: the same lines in the same order, so none was scored and written twice.
        Assert.Equal(expected, File.ReadAllLines(trace));
    }

    private static int Lines(string path)
    {
        if (!File.Exists(path)) return 0;
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        int lines = 0;
        while (reader.ReadLine() is not null) lines++;
        return lines;
    }
}
