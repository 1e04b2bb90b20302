namespace Sleb.Tests.Cli;

/// <summary>Is nothing lost when the process dies without a word?</summary>
public class KillTests
{
    [Theory]
    [InlineData("--arithmetic", "fp32")]
    [InlineData("--arithmetic", "bf16")]
    [InlineData("--arithmetic", "int8")]
    [InlineData("--arithmetic", "int8-bf16", "--effort", "racing")]
    [InlineData("--effort", "racing")]
    [InlineData("--memory", "1GB")]
    public async Task Killed_at_random_moments_the_search_ends_with_the_same_plan_and_scores_nothing_twice(params string[] mode)
    {
        string[] options = [.. mode, "--plan-only"];
        using PruneRun whole = new(), killed = new();
        Assert.Equal(0, (await SlebCli.RunProcess(Path.GetTempPath(), whole.Args(3, options))).ExitCode);
        string[] expected = whole.Losses;

        string trace = Path.Combine(killed.RunFolder, "run.jsonl");
        var random = new Random(17);
        int struck = 0;
        for (int lines = random.Next(1, 20); lines < expected.Length; lines += random.Next(expected.Length / 6, expected.Length / 3))
        {
            using var process = SlebCli.Start(Path.GetTempPath(), killed.Args(3, options));
            while (!process.HasExited && Lines(trace) < lines) await Task.Delay(1, TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            if (Lines(trace) < expected.Length) struck++;
        }
        Assert.NotEqual(0, struck); // else every process was done before its kill, and nothing was tried
        Assert.Equal(0, (await SlebCli.RunProcess(Path.GetTempPath(), killed.Args(3, options))).ExitCode);

        Assert.Equal(File.ReadAllText(whole.Plan), File.ReadAllText(killed.Plan));
        // The same losses in the same order, so none was scored and written twice.
        Assert.Equal(expected, killed.Losses);
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
