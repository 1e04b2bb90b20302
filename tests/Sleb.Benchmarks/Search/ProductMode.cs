using System.Diagnostics;
using System.Text.Json.Nodes;
using Sleb.Cli;

namespace Sleb.Benchmarks.Search;

/// <summary>The search as a user calls it: <c>sleb prune --plan-only</c>.</summary>
internal static class ProductMode
{
    /// <returns>Null where the tool refused; it has said why.</returns>
    public static SearchOutcome? Run(SearchRequest request, string mode)
    {
        string[] effort = mode == "racing" ? ["--effort", mode] : []; // exhaustive is what a user gets without asking
        var run = Directory.CreateTempSubdirectory("sleb-benchmark-");
        try
        {
            using var output = new StringWriter();
            var time = Stopwatch.StartNew();
            // The evaluation is no part of the search: one window is the least of it.
            int exit = SlebCommandLine.Run(["prune", .. request.Arguments, "--evaluation", request.Calibration, "--evaluation-windows", "1",
                .. effort, "--run", run.FullName, "--plan-only", "--json"], output, Console.Error, CancellationToken.None);
            time.Stop();
            return exit == ExitCode.Done ? new(time.Elapsed.TotalSeconds, Extrapolated: false, Decisions(output.ToString())) : null;
        }
        finally
        {
            run.Delete(recursive: true);
        }
    }

    private static Decision[] Decisions(string json) =>
        [.. JsonNode.Parse(json)!["rounds"]!.AsArray().Select(round =>
            new Decision(round!["removed"]!.GetValue<int>(), round["meanNll"]!.GetValue<double>(), round["runnerUp"]?.GetValue<int>()))];
}
