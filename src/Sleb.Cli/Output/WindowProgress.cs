using Sleb.Core.Evaluation;

namespace Sleb.Cli.Output;

/// <summary>Measures windows one by one and shows how far it is.</summary>
internal static class WindowProgress
{
    public static NllSummary Measure(CommandContext context, IReadOnlyList<int[]> windows, Func<int[], double> loss) =>
        NllSummary.Of(windows, CountedProgress.Run(context, "measuring", "windows", windows, loss));
}
