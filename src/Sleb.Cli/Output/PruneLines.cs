using Sleb.Core.Plan;
using Sleb.MLNet.Pruning;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>The main job in lines: what is searched, what was decided, what came of it.</summary>
internal sealed class PruneLines(IAnsiConsole console)
{
    private readonly ResultLines _lines = new(console);

    public void Started(string modelFolder, PruneEvent.Started started)
    {
        var search = started.Search;
        Line("Model", $"{Paths.Short(modelFolder)}: {search.Family}, {search.Blocks} blocks");
        Line("Search", $"{started.RemoveBlocks} of {search.Blocks} blocks to remove, by the loss on {search.Windows} windows of {search.SequenceLength} tokens");
        Line("Run folder", Paths.Short(started.RunFolder) + (started.ResumedLosses > 0 ? $", which holds {started.ResumedLosses} losses already" : ""));
    }

    public void Memory(string plan) => Line("Memory", plan);

    public void Decided(PruneEvent.Decided decided) => Line($"Round {decided.Round}/{decided.Rounds}", Decision(decided.Removal));

    public void Phase(string name) => Line("Now", name);

    public void Progress(string text) => Line("", text);

    public void Finished(PruneResult result)
    {
        Line("Removed", Numbers.List(result.Plan.RemovedBlocks));
        Line("Perplexity", $"{Numbers.Perplexity(result.Dense.Perplexity)} dense, {Numbers.Perplexity(result.Pruned.Perplexity)} pruned "
            + $"({Numbers.Change(result.Dense.Perplexity, result.Pruned.Perplexity)})"
            + (result.Shipped is { } shipped ? $", {Numbers.Perplexity(shipped.Perplexity)} as shipped" : ""));
        Line("", $"on {result.Dense.WindowNll.Count} windows of {Paths.Short(result.EvaluationText)}");
        Line("Plan", Paths.Short(result.PlanPath));
        if (result.Folder is not null) Line("Folder", Paths.Short(result.Folder));
        if (result.Continuation is { } sample)
        {
            Line("Prompt", Quote(sample.Prompt));
            Line("  dense", Quote(sample.Dense));
            Line("  pruned", Quote(sample.Pruned));
        }
    }

    private static string Decision(Removal removal)
    {
        string decision = $"block {removal.Block} goes" + (removal.MeanNll is { } loss ? $": loss {Numbers.Loss(loss)}" : "");
        if (removal.RunnerUp is not { } runnerUp) return decision + ", the only candidate";
        decision += $", margin {Numbers.Loss(removal.Margin)}";
        if (removal.MarginStandardError is { } error) decision += $" ± {Numbers.Loss(error)}";
        return decision + $" to block {runnerUp}" + (removal.IsNearTie ? " (near-tie)" : "");
    }

    private static string Quote(string text) => "“" + text.ReplaceLineEndings(" ").Trim() + "”";

    private void Line(string label, string text) => _lines.Add(label, text);
}
