using System.Diagnostics;
using Sleb.Cli;

namespace Sleb.Tests.Cli;

/// <summary>Calls the tool: inside this process for speed, or as a process for what only a process shows.</summary>
internal static class SlebCli
{
    public static CliResult Run(params string[] args) => Run(default, args);

    public static CliResult Run(CancellationToken cancellationToken, params string[] args)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int exit = SlebCommandLine.Run(args, output, error, cancellationToken);
        return new(exit, output.ToString(), error.ToString());
    }

    /// <summary>The built tool, started in <paramref name="folder"/>.</summary>
    public static Process Start(string folder, params string[] args) => Start(folder, new Dictionary<string, string>(), args);

    public static Process Start(string folder, IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        // Beside this test's own build: artifacts/bin/Sleb.Cli/debug or release.
        string configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string tool = Path.Combine(TestFiles.Root, "artifacts", "bin", "Sleb.Cli", configuration, "sleb.dll");
        Assert.True(File.Exists(tool), $"{tool} is not built.");
        // A shell starts its background jobs with SIGINT ignored, and so would everything below it be; env puts it back.
        var start = new ProcessStartInfo(OperatingSystem.IsLinux() ? "env" : "dotnet", OperatingSystem.IsLinux() ? ["--default-signal=INT", "dotnet", tool, .. args] : [tool, .. args])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static async Task<CliResult> RunProcess(string folder, params string[] args)
    {
        using var process = Start(folder, args);
        return await Finish(process);
    }

    public static async Task<CliResult> Finish(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new(process.ExitCode, (await output).ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }
}
