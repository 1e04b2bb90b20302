using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>Folders that were measured beside each other on one machine.</summary>
internal static class BenchPanel
{
    public static IEnumerable<XElement> Write(ReportBench bench)
    {
        string[] names = FolderNames.Of([.. bench.Folders.Select(row => row.Folder)]);
        var front = bench.Front();
        yield return Element("p", $"Measured on {bench.Machine}: {Figures.Count(bench.PromptTokens)} prompt tokens, {Figures.Count(bench.NewTokens)} new ones"
            + (bench.BatchSize > 1 ? $" in each of {bench.BatchSize} texts" : "") + $"; medians of {bench.Runs} runs.");
        foreach (var element in ParetoChart.Write([.. bench.Folders.Select((row, i) =>
            new ParetoChart.Point(names[i], names[i], row.Perplexity!.Value, row.Bytes, bench.MillisecondsPerToken(row), front.Contains(row)))], "folders"))
            yield return element;
        yield return Scrolling("Measured folders", Table("Folders: perplexity through ONNX Runtime GenAI; tokens a second",
            ["Folder", "Perplexity", "Size", "Prefill", "Decode", "Spread", "Ratio", "Note"], bench.Folders.Select((row, i) => (string[])[
                names[i], Figures.Perplexity(row.Perplexity!.Value), ParetoChart.Megabytes(row.Bytes), Rate(row.PrefillTokensPerSecond), Rate(row.DecodeTokensPerSecond),
                ParetoChart.Percent(row.Spread), row.Ratio.ToString("0.00", CultureInfo.InvariantCulture), front.Contains(row) ? "unbeaten" : ""])));
    }

    private static string Rate(double tokensPerSecond) => tokensPerSecond.ToString("#,0.0", CultureInfo.InvariantCulture);
}
