using System.Diagnostics;
using System.Text.Json;

namespace Sleb.Benchmarks.Search;

/// <summary>This program again, for one mode: memory of one search says nothing about the next one's then.</summary>
internal static class ModeProcess
{
    /// <summary>The outcome and the peak of resident memory, seen from outside; null where the mode failed, which it has explained.</summary>
    public static (SearchOutcome Outcome, long PeakBytes)? Run(SearchRequest request, string mode)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(ModeProcess).Assembly.Location, "search", .. request.Arguments,
            "--budget-seconds", $"{request.BudgetSeconds}", "--in-process", mode])
        { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        try
        {
            string? line = process.StandardOutput.ReadLine();
            process.Refresh();
            // The child waits for its input to end, so it is still there to be looked at. On Linux this is VmHWM.
            long peak = line is null ? 0 : process.PeakWorkingSet64;
            process.StandardInput.Close();
            process.WaitForExit();
            return line is null || process.ExitCode != 0 ? null : (JsonSerializer.Deserialize<SearchOutcome>(line)!, peak);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    /// <summary>The child's side.</summary>
    /// <returns>The exit code.</returns>
    public static int Serve(SearchRequest request, string mode)
    {
        var outcome = mode == SearchCommand.Naive ? NaiveMode.Run(request) : ProductMode.Run(request, mode);
        if (outcome is null) return 1;
        Console.Out.WriteLine(JsonSerializer.Serialize(outcome));
        Console.In.ReadToEnd();
        return 0;
    }
}
