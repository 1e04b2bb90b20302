using System.Diagnostics;
using Sleb.Cli;

namespace Sleb.Tests.Cli;

/// <summary>Can it be stopped anywhere, with nothing half-written and nothing lost?</summary>
public class CancellationTests
{
    [Theory]
    [InlineData("Round 1/2", false)]
    [InlineData("evaluating the dense model", false)]
    [InlineData("writing the ONNX folder", false)]
    [InlineData("evaluating the written folder", true)]
    public void Cancelled_in_any_phase_it_ends_with_130_and_continues_to_the_same_plan(string place, bool written)
    {
        using var run = new PruneRun();
        var stopped = RunUntil(place, run.Args(2));
        Assert.Equal(130, stopped.ExitCode);
        string sentence = Assert.Single(CliResult.Lines(stopped.Error), line => !line.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.Equal($"cancelled: The same command continues from {run.RunFolder}, which keeps every score.", sentence);
        Assert.Equal(written, Directory.Exists(run.Out)); // a folder that exists is a folder that works
        Assert.Equal(written ? ["out", "run"] : ["run"], Directory.GetFileSystemEntries(Path.GetDirectoryName(run.Out)!).Select(Path.GetFileName).Order());

        var continued = run.Prune(2);
        Assert.True(continued.ExitCode == 0, continued.Error);
        Assert.Matches(@"which holds \d+ losses already", continued.Out);
        using var whole = new PruneRun();
        Assert.Equal(0, whole.Prune(2).ExitCode);
        Assert.Equal(File.ReadAllBytes(whole.Plan), File.ReadAllBytes(run.Plan));
        Assert.Equal(whole.Losses, run.Losses);
    }

    [Fact]
    public void Cancelled_before_anything_every_command_ends_with_130_and_writes_nothing()
    {
        using var folder = new TemporaryFolder();
        string model = TestFiles.Data("conformance", "llama"), ids = folder["ids.jsonl"], written = folder["written"];
        File.WriteAllText(ids, """{ "input_ids": [1, 2, 3, 4] }""");
        Assert.Equal(0, SlebCli.Run("export", model, "--out", written).ExitCode);
        string[][] calls =
        [
            ["inspect", model],
            ["prune", model, "--remove", "1", "--calibration", ids, "--run", folder["run"], "--out", folder["out"]],
            ["export", model, "--out", folder["out"]],
            ["export", model, "--out", folder["out"], "--format", "hf"],
            ["perplexity", model, "--text", ids],
            ["perplexity", written, "--text", ids],
            ["evaluate", written, "--tasks", "none", "--task-folder", folder.Path],
            ["generate", written, "--input-ids", "1"],
        ];
        Assert.All(calls, args =>
        {
            var call = SlebCli.Run(new CancellationToken(canceled: true), args);
            Assert.Equal((130, "", "cancelled: Nothing was written.\n"), (call.ExitCode, call.Out, call.Error));
        });
        Assert.Equal(["ids.jsonl", "written"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_text_that_is_being_written_stops_between_tokens()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, SlebCli.Run("export", TestFiles.Data("conformance", "llama"), "--out", folder["written"]).ExitCode);
        var stopped = RunUntil(",", "generate", folder["written"], "--input-ids", "1,2", "--ignore-eos", "--max-new-tokens", "100");
        Assert.Equal(130, stopped.ExitCode);
        Assert.InRange(stopped.Out.Split(',').Length, 2, 3);
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_ends_the_process_with_130(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");
        using var run = new PruneRun();
        using var process = SlebCli.Start(Path.GetTempPath(), run.Args(8));
        for (string? line = ""; !line!.StartsWith("Run folder", StringComparison.Ordinal);)
            line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? throw new InvalidOperationException("No run folder: " + await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        using (var kill = Process.Start("kill", ["-" + signal, $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        var stopped = await SlebCli.Finish(process);
        Assert.Equal(130, stopped.ExitCode);
        Assert.Contains("cancelled: The same command continues from", stopped.Error);
        Assert.False(Directory.Exists(run.Out));
    }

    private static CliResult RunUntil(string place, params string[] args)
    {
        using var source = new CancellationTokenSource();
        using var output = new CancellingWriter(place, source);
        using var error = new StringWriter { NewLine = "\n" };
        int exit = SlebCommandLine.Run(args, output, error, source.Token);
        return new(exit, output.ToString(), error.ToString());
    }
}
