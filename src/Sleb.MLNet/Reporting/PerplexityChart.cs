using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>Perplexity against blocks removed, with each dense model as a level line.</summary>
internal static class PerplexityChart
{
    /// <summary>Colours and dashes of the style sheet.</summary>
    public const int Styles = 6;

    private const double Width = 480, Height = 300, Left = 52, Right = 16, Top = 14, Bottom = 40;

    public static XElement Draw(IReadOnlyList<ReportRun> runs)
    {
        int most = Math.Max(1, runs.Max(run => run.Curve.Count - 1));
        var values = runs.SelectMany(run => run.Curve).SelectMany(point => point.Band is { } band ? [band.Low, band.High] : new[] { point.Perplexity }).ToList();
        var axis = new Axis(values);
        double X(int removed) => Left + (Width - Left - Right) * removed / most;
        double Y(double perplexity) => Height - Bottom - (Height - Top - Bottom) * axis.Place(perplexity);

        var content = new List<XElement>();
        foreach (double tick in axis.Ticks)
        {
            content.Add(Line("grid", Left, Y(tick), Width - Right, Y(tick)));
            content.Add(Text("tick", Left - 6, Y(tick) + 4, "end", tick.ToString("#,0.####", CultureInfo.InvariantCulture)));
        }
        int step = (most + 11) / 12;
        for (int removed = 0; removed <= most; removed += step) content.Add(Text("tick", X(removed), Height - Bottom + 18, "middle", removed.ToString(CultureInfo.InvariantCulture)));
        content.Add(Text("tick", (Left + Width - Right) / 2, Height - 6, "middle", "blocks removed"));
        for (int r = 0; r < runs.Count; r++) content.AddRange(Run(runs[r], "s" + r % Styles, X, Y));
        return Drawing("chart", Width, Height, Sentence(runs), content);
    }

    private static IEnumerable<XElement> Run(ReportRun run, string style, Func<int, double> x, Func<double, double> y)
    {
        double dense = y(run.Curve[0].Perplexity);
        yield return Line("dense " + style, Left, dense, Width - Right, dense);
        if (run.Curve.Skip(1).All(point => point.Band is not null) && run.Curve.Count > 1)
        {
            var upper = run.Curve.Select((point, i) => (i, point.Band?.High ?? point.Perplexity));
            var lower = run.Curve.Select((point, i) => (i, point.Band?.Low ?? point.Perplexity)).Reverse();
            yield return new("polygon", Attribute("class", "band " + style), Attribute("points", Points(upper.Concat(lower), x, y)));
        }
        yield return new("polyline", Attribute("class", "curve " + style), Attribute("points", Points(run.Curve.Select((point, i) => (i, point.Perplexity)), x, y)));
        for (int i = 0; i < run.Curve.Count; i++)
            yield return Circle("dot " + style, x(i), y(run.Curve[i].Perplexity), 3.5, Tip($"{run.Name}, {Removed(run, i)}: perplexity {Figures.Perplexity(run.Curve[i].Perplexity)}"));
    }

    private static string Removed(ReportRun run, int count) => count == 0 ? "dense" : $"without {Figures.List(run.Plan.RemovedBlocks.Take(count))}";

    private static string Points(IEnumerable<(int Removed, double Perplexity)> points, Func<int, double> x, Func<double, double> y) =>
        string.Join(' ', points.Select(point => $"{N(x(point.Removed))},{N(y(point.Perplexity))}"));

    private static string Sentence(IReadOnlyList<ReportRun> runs) => "Perplexity against blocks removed. " + string.Join(" ", runs.Select(run =>
        $"{run.Name}: {Figures.Perplexity(run.Curve[0].Perplexity)} dense, {Figures.Perplexity(run.Curve[^1].Perplexity)} with {run.Curve.Count - 1} removed."));
}
