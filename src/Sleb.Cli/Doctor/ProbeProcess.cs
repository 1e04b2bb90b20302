using System.Diagnostics;
using System.Text.Json;

namespace Sleb.Cli.Doctor;

/// <summary>This tool, started again for one probe.</summary>
internal static class ProbeProcess
{
    public static LibraryReport Run(LibraryProbe probe, CancellationToken cancellationToken)
    {
        string[] words = ["doctor", "--probe", probe.Word];
        string host = Environment.ProcessPath!, tool = typeof(ProbeProcess).Assembly.Location;
        // As itself where it has a name of its own; else by dotnet, from its assembly.
        var start = Path.GetFileNameWithoutExtension(host) == Path.GetFileNameWithoutExtension(tool) || tool.Length == 0
            ? new ProcessStartInfo(host, words)
            : new ProcessStartInfo("dotnet", [tool, .. words]);
        return Read(start, cancellationToken);
    }

    /// <summary>The last report of a process; what it did not come to is answered with how it ended.</summary>
    internal static LibraryReport Read(ProcessStartInfo start, CancellationToken cancellationToken)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        start.Environment["ORT_DISABLE_TELEMETRY"] = "1";
        using var process = Process.Start(start)!;
        using var kill = cancellationToken.Register(() => process.Kill(entireProcessTree: true));
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        string[] lines = Lines(process.StandardOutput.ReadToEnd());
        process.WaitForExit();
        cancellationToken.ThrowIfCancellationRequested();

        var report = lines.Length > 0 ? JsonSerializer.Deserialize<LibraryReport>(lines[^1])! : new LibraryReport();
        string last = Lines(error.GetAwaiter().GetResult()).LastOrDefault("").Trim();
        LibraryReport.Answer crashed = new(null, $"The check's process ended with exit code {process.ExitCode} before it had an answer{(last.Length > 0 ? $" ({last.TrimEnd('.')})" : "")}.");
        return report with { Cpu = report.Cpu ?? crashed, Cuda = report.Cuda ?? crashed };
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
