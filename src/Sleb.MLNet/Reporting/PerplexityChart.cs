using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>Perplexity against blocks removed on the calibration and on the evaluation text, with each dense model as level lines.</summary>
internal static class PerplexityChart
{
    /// <summary>Colours and dashes of the style sheet.</summary>
    public const int Styles = 6;

    private const double Width = 480, Height = 300, Left = 60, Right = 16, Top = 28, Bottom = 44;

    public static XElement Draw(IReadOnlyList<ReportRun> runs)
    {
        var lines = runs.SelectMany(Lines).ToList();
        int most = Math.Max(1, lines.Max(line => line.Points[^1].Removed));
        var axis = new Axis([.. lines.SelectMany(line => line.Points).SelectMany(point => (double[])[point.Band.Low, point.Band.High])]);
        double X(int removed) => Left + (Width - Left - Right) * removed / most;
        double Y(double perplexity) => Height - Bottom - (Height - Top - Bottom) * axis.Place(perplexity);

        var content = new List<XElement> { Text("tick", 2, 12, "start", "perplexity") };
        foreach (double tick in axis.Ticks)
        {
            content.Add(Line("grid", Left, Y(tick), Width - Right, Y(tick)));
            content.Add(Text("tick", Left - 6, Y(tick) + 4, "end", tick.ToString("#,0.####", CultureInfo.InvariantCulture)));
        }
        for (int removed = 0; removed <= most; removed += (most + 11) / 12)
            content.Add(Text("tick", X(removed), Height - Bottom + 18, "middle", removed.ToString(CultureInfo.InvariantCulture)));
        content.Add(Text("tick", (Left + Width - Right) / 2, Height - 4, "middle", "blocks removed"));
        foreach (var line in lines) content.AddRange(Draw(line, X, Y));
        return Drawing("chart", Width, Height, "Perplexity against blocks removed. " + string.Join(" ", lines.Select(Sentence)), content);
    }

    /// <summary>What the lines and dots are.</summary>
    public static XElement Legend(IReadOnlyList<ReportRun> runs)
    {
        return Element("ul", Attribute("class", "legend"),
            runs.SelectMany(Lines).Select(line => Key(line.Name, Line("curve " + line.Style, 0, 9, 36, 9), Circle("dot " + line.Style, 18, 9, 3.5))),
            Key("dense model", Line("dense s0", 0, 9, 36, 9)));

        static XElement Key(string text, params XElement[] drawing) => Element("li", Drawing("key", 36, 18, text, [.. drawing]), Element("span", Attribute("aria-hidden", "true"), text));
    }

    /// <summary>One run on one text.</summary>
    private sealed record Curve(ReportRun Run, string Name, IReadOnlyList<ReportRun.Point> Points, string Style)
    {
        /// <summary>Every removal up to the last was measured: a line between others would say what nobody knows.</summary>
        public bool IsWhole => Points[^1].Removed == Points.Count - 1;
    }

    /// <summary>A run has a colour, and the evaluation text dots that are not filled.</summary>
    private static IEnumerable<Curve> Lines(ReportRun run, int number)
    {
        string style = "s" + number % Styles;
        yield return new(run, $"{run.Name}, calibration text", run.Curve, style);
        if (run.EvaluationCurve.Count > 0) yield return new(run, $"{run.Name}, evaluation text", run.EvaluationCurve, style + " held");
    }

    private static IEnumerable<XElement> Draw(Curve line, Func<int, double> x, Func<double, double> y)
    {
        double dense = y(line.Points[0].Perplexity);
        yield return Line("dense " + line.Style, Left, dense, Width - Right, dense);
        if (line.IsWhole && ReportRun.HasBand(line.Points))
            yield return Shape("polygon", "band " + line.Style, [.. line.Points.Select(point => (point.Removed, point.Band.High)), .. line.Points.Reverse().Select(point => (point.Removed, point.Band.Low))]);
        if (line.IsWhole) yield return Shape("polyline", "curve " + line.Style, line.Points.Select(point => (point.Removed, point.Perplexity)));
        foreach (var point in line.Points)
            yield return Circle("dot " + line.Style, x(point.Removed), y(point.Perplexity), 3.5, Tip($"{line.Name}, {Removed(line.Run, point.Removed)}: perplexity {Figures.Perplexity(point.Perplexity)}"));

        XElement Shape(string name, string cssClass, IEnumerable<(int Removed, double Perplexity)> points) =>
            new(name, Attribute("class", cssClass), Attribute("points", string.Join(' ', points.Select(point => $"{N(x(point.Removed))},{N(y(point.Perplexity))}"))));
    }

    private static string Removed(ReportRun run, int count) => count == 0 ? "dense" : $"without {Figures.List(run.Plan.RemovedBlocks.Take(count))}";

    private static string Sentence(Curve line) =>
        $"{line.Name}: {Figures.Perplexity(line.Points[0].Perplexity)} dense, {Figures.Perplexity(line.Points[^1].Perplexity)} with {line.Points[^1].Removed} removed.";
}
