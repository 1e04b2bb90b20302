using System.Globalization;
using Sleb.Cli.Output;
using Spectre.Console;

namespace Sleb.Benchmarks.Search;

/// <summary>Modes beside each other: how much faster, and whether they decide the same.</summary>
internal static class SearchRows
{
    public static IReadOnlyList<SearchRow> Of(IReadOnlyList<(string Mode, SearchOutcome Outcome, long PeakBytes)> measured)
    {
        double? naive = measured.FirstOrDefault(row => row.Mode == SearchCommand.Naive).Outcome?.Seconds;
        var whole = measured.FirstOrDefault(row => !row.Outcome.Extrapolated).Outcome;
        return [.. measured.Select(row =>
        {
            var (seconds, extrapolated, rounds) = row.Outcome;
            bool? agrees = extrapolated || row.Outcome == whole ? null : Removed(rounds).SequenceEqual(Removed(whole!.Decisions));
            return new SearchRow(row.Mode, seconds, row.PeakBytes, [.. Removed(rounds)], naive / seconds, extrapolated, agrees, rounds);
        })];
    }

    public static void Show(SearchDocument document, IAnsiConsole console)
    {
        var lines = new ResultLines(console);
        lines.Add("Machine", document.Machine);
        var table = new Table().NoBorder().AddColumns("Mode", "Seconds", "Ratio", "Peak memory", "Removed");
        foreach (var row in document.Rows)
            table.AddRow(row.Mode, Text(row.Seconds, "0.0"), Text(row.Ratio, "0.00"), Numbers.Bytes(row.PeakBytes),
                row.Extrapolated ? $"extrapolated; {row.Rounds.Count} rounds done" : Numbers.List(row.RemovedBlocks));
        console.Write(table);
        var whole = document.Rows.FirstOrDefault(row => !row.Extrapolated);
        foreach (var row in document.Rows.Where(row => row.Agrees is not null))
            lines.Add(row.Mode, Comparison(row.Rounds, whole!));
    }

    private static string Comparison(IReadOnlyList<Decision> rounds, SearchRow whole)
    {
        var pairs = rounds.Zip(whole.Rounds).ToList();
        int removed = pairs.Count(pair => pair.First.Removed == pair.Second.Removed), runnersUp = pairs.Count(pair => pair.First.RunnerUp == pair.Second.RunnerUp);
        double worst = pairs.Where(pair => pair.First.Removed == pair.Second.Removed).Select(pair => Math.Abs(pair.First.MeanNll - pair.Second.MeanNll)).DefaultIfEmpty().Max();
        return string.Create(CultureInfo.InvariantCulture,
            $"removes the same block as {whole.Mode} in {removed} of {pairs.Count} rounds, names the same runner-up in {runnersUp}; their losses differ by at most {worst:0.0e0} nats");
    }

    private static IEnumerable<int> Removed(IReadOnlyList<Decision> rounds) => rounds.Select(round => round.Removed);

    private static string Text(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
