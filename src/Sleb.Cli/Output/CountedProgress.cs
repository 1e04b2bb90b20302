using System.Diagnostics;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Works through a list and shows how far it is: a live bar on a terminal, now and then a line elsewhere.</summary>
internal static class CountedProgress
{
    /// <summary>Without a terminal long work speaks up this often.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);

    /// <param name="activity">What is being done.</param>
    /// <param name="noun">What the list holds.</param>
    public static IReadOnlyList<TResult> Run<T, TResult>(CommandContext context, string activity, string noun, IReadOnlyList<T> list, Func<T, TResult> work)
    {
        if (!context.Console.Profile.Capabilities.Interactive) return Run(list, work, Lines(context, noun, list.Count));
        using var held = context.Diagnostics.Hold();
        return context.Console.Progress().AutoClear(true).Start(live =>
        {
            var bar = live.AddTask(Markup.Escape(activity), maxValue: list.Count);
            return Run(list, work, done => bar.Value = done);
        });
    }

    private static TResult[] Run<T, TResult>(IReadOnlyList<T> list, Func<T, TResult> work, Action<int> report)
    {
        var results = new TResult[list.Count];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = work(list[i]);
            report(i + 1);
        }
        return results;
    }

    private static Action<int> Lines(CommandContext context, string noun, int count)
    {
        var lines = new ResultLines(context.Console);
        var quiet = Stopwatch.StartNew();
        return done =>
        {
            if (quiet.Elapsed < Quiet) return;
            lines.Add("", $"{done} of {count} {noun}");
            quiet.Restart();
        };
    }
}
