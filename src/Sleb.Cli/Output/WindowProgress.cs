using System.Diagnostics;
using Sleb.Core.Evaluation;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Measures windows one by one and shows how far it is: a live bar on a terminal, now and then a line elsewhere.</summary>
internal static class WindowProgress
{
    /// <summary>Without a terminal long work speaks up this often.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);

    public static NllSummary Measure(CommandContext context, IReadOnlyList<int[]> windows, Func<int[], double> loss)
    {
        if (!context.Console.Profile.Capabilities.Interactive) return Measure(windows, loss, Lines(context, windows.Count));
        using var held = context.Diagnostics.Hold();
        return context.Console.Progress().AutoClear(true).Start(live =>
        {
            var bar = live.AddTask("measuring", maxValue: windows.Count);
            return Measure(windows, loss, done => bar.Value = done);
        });
    }

    private static NllSummary Measure(IReadOnlyList<int[]> windows, Func<int[], double> loss, Action<int> report)
    {
        var losses = new double[windows.Count];
        for (int w = 0; w < losses.Length; w++)
        {
            losses[w] = loss(windows[w]);
            report(w + 1);
        }
        return NllSummary.Of(windows, losses);
    }

    private static Action<int> Lines(CommandContext context, int windows)
    {
        var lines = new ResultLines(context.Console);
        var quiet = Stopwatch.StartNew();
        return done =>
        {
            if (quiet.Elapsed < Quiet) return;
            lines.Add("", $"{done} of {windows} windows");
            quiet.Restart();
        };
    }
}
