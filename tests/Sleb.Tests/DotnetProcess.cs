using System.Diagnostics;
using Sleb.Tests.Cli;

namespace Sleb.Tests;

/// <summary>A program of this build, or the SDK itself, run to its end.</summary>
internal static class DotnetProcess
{
    public static CliResult Run(params string[] arguments) => RunIn(Environment.CurrentDirectory, arguments);

    public static CliResult RunIn(string folder, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync(); // beside the output: a full pipe would stop the program
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output.ReplaceLineEndings("\n"), error.GetAwaiter().GetResult().ReplaceLineEndings("\n"));
    }

    /// <summary>What a program prints that succeeds.</summary>
    public static string OutputIn(string folder, params string[] arguments)
    {
        var call = RunIn(folder, arguments);
        Assert.True(call.ExitCode == 0, call.Error);
        return call.Out;
    }
}
