using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>Size, latency and perplexity of an experiment's trials: what cannot be had together.</summary>
internal static class ParetoChart
{
    private const double Width = 480, Height = 280, Left = 60, Right = 20, Top = 28, Bottom = 44;

    public static IEnumerable<XElement> Write(ReportTrials experiment)
    {
        string[] precisions = [.. experiment.Trials.Select(trial => trial.Settings.Precision).Distinct()];
        string Style(SlebTrialResult trial) => "s" + Array.IndexOf(precisions, trial.Settings.Precision) % PerplexityChart.Styles;

        yield return Element("p", $"Ringed are the {experiment.Front.Count} of {experiment.Trials.Count} trials that no other beats in perplexity, size and latency together; the lower and the further left, the better.");
        yield return Element("div", Attribute("class", "pair"),
            Draw(experiment, "size in MB", trial => trial.ModelBytes / 1e6, Style), Draw(experiment, "milliseconds a token", trial => trial.MillisecondsPerToken, Style));
        yield return Element("ul", Attribute("class", "legend"), precisions.Select((precision, i) =>
            Element("li", Drawing("key", 18, 18, precision, Circle($"dot s{i % PerplexityChart.Styles}", 9, 9, 4)), Element("span", Attribute("aria-hidden", "true"), precision))));
        yield return Scrolling($"Trials of {experiment.Name}", Table("Trials: perplexity on the evaluation text through ONNX Runtime GenAI",
            ["Trial", "Removed", "Precision", "Perplexity", "Rise", "Size", "ms a token", "Spread", "Note"], experiment.Trials.OrderBy(trial => trial.MeanNll).Select(trial => (string[])[
                Figures.Count(trial.Settings.TrialId), Figures.List(trial.RemovedBlocks), trial.Settings.Precision, Figures.Perplexity(trial.Perplexity), Percent(trial.PerplexityRise),
                Megabytes(trial) + " MB", Milliseconds(trial), Percent(trial.LatencySpread), experiment.Front.Contains(trial) ? "unbeaten" : ""])));
    }

    private static XElement Draw(ReportTrials experiment, string unit, Func<SlebTrialResult, double> figure, Func<SlebTrialResult, string> style)
    {
        var vertical = new Axis([.. experiment.Trials.Select(trial => trial.Perplexity)]);
        var horizontal = new Axis([.. experiment.Trials.Select(figure)]);
        double X(double value) => Left + (Width - Left - Right) * horizontal.Place(value);
        double Y(double value) => Height - Bottom - (Height - Top - Bottom) * vertical.Place(value);

        var content = new List<XElement> { Text("tick", 2, 12, "start", "perplexity"), Text("tick", (Left + Width - Right) / 2, Height - 4, "middle", unit) };
        foreach (double tick in vertical.Ticks)
        {
            content.Add(Line("grid", Left, Y(tick), Width - Right, Y(tick)));
            content.Add(Text("tick", Left - 6, Y(tick) + 4, "end", Tick(tick)));
        }
        foreach (double tick in horizontal.Ticks) content.Add(Text("tick", X(tick), Height - Bottom + 18, "middle", Tick(tick)));
        foreach (var trial in experiment.Trials)
        {
            double x = X(figure(trial)), y = Y(trial.Perplexity);
            content.Add(Circle("dot " + style(trial), x, y, 3.5, Tip(Describe(trial))));
            if (experiment.Front.Contains(trial)) content.Add(Circle("second", x, y, 7));
        }
        return Drawing("chart", Width, Height, $"Perplexity against {unit}. Unbeaten: {string.Join("; ", experiment.Front.Select(Describe))}.", content);
    }

    private static string Describe(SlebTrialResult trial) =>
        $"trial {trial.Settings.TrialId}, {trial.RemovedBlocks.Count} {(trial.RemovedBlocks.Count == 1 ? "block" : "blocks")} removed, {trial.Settings.Precision}: perplexity {Figures.Perplexity(trial.Perplexity)}, {Megabytes(trial)} MB, {Milliseconds(trial)} ms a token";

    private static string Megabytes(SlebTrialResult trial) => (trial.ModelBytes / 1e6).ToString("#,0.0", CultureInfo.InvariantCulture);

    private static string Milliseconds(SlebTrialResult trial) => trial.MillisecondsPerToken.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Percent(double share) => (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Tick(double value) => value.ToString("#,0.####", CultureInfo.InvariantCulture);
}
