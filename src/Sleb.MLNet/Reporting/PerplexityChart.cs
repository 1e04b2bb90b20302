using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>Perplexity against blocks removed, with each dense model as a level line.</summary>
internal static class PerplexityChart
{
    /// <summary>Colours and dashes of the style sheet.</summary>
    public const int Styles = 6;

    private const double Width = 480, Height = 300, Left = 60, Right = 16, Top = 28, Bottom = 44;

    public static XElement Draw(IReadOnlyList<ReportRun> runs)
    {
        int most = Math.Max(1, runs.Max(run => run.Curve[^1].Removed));
        var axis = new Axis([.. runs.SelectMany(run => run.Curve).SelectMany(point => (double[])[point.Band.Low, point.Band.High])]);
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
        for (int r = 0; r < runs.Count; r++) content.AddRange(Run(runs[r], "s" + r % Styles, X, Y));
        return Drawing("chart", Width, Height, Sentence(runs), content);
    }

    private static IEnumerable<XElement> Run(ReportRun run, string style, Func<int, double> x, Func<double, double> y)
    {
        double dense = y(run.Curve[0].Perplexity);
        yield return Line("dense " + style, Left, dense, Width - Right, dense);
        if (run.HasBand)
            yield return Shape("polygon", "band " + style, [.. run.Curve.Select(point => (point.Removed, point.Band.High)), .. run.Curve.Reverse().Select(point => (point.Removed, point.Band.Low))]);
        yield return Shape("polyline", "curve " + style, run.Curve.Select(point => (point.Removed, point.Perplexity)));
        foreach (var point in run.Curve)
            yield return Circle("dot " + style, x(point.Removed), y(point.Perplexity), 3.5, Tip($"{run.Name}, {Removed(run, point.Removed)}: perplexity {Figures.Perplexity(point.Perplexity)}"));

        XElement Shape(string name, string cssClass, IEnumerable<(int Removed, double Perplexity)> points) =>
            new(name, Attribute("class", cssClass), Attribute("points", string.Join(' ', points.Select(point => $"{N(x(point.Removed))},{N(y(point.Perplexity))}"))));
    }

    private static string Removed(ReportRun run, int count) => count == 0 ? "dense" : $"without {Figures.List(run.Plan.RemovedBlocks.Take(count))}";

    private static string Sentence(IReadOnlyList<ReportRun> runs) => "Perplexity against blocks removed. " + string.Join(" ", runs.Select(run =>
        $"{run.Name}: {Figures.Perplexity(run.Curve[0].Perplexity)} dense, {Figures.Perplexity(run.Curve[^1].Perplexity)} with {run.Curve[^1].Removed} removed."));
}
