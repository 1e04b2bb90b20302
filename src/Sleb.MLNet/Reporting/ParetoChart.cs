using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>Size, latency and perplexity of models: what cannot be had together.</summary>
internal static class ParetoChart
{
    private const double Width = 480, Height = 280, Left = 60, Right = 20, Top = 28, Bottom = 44;

    /// <summary>One model.</summary>
    /// <param name="Name">What the pointer and a screen reader are told that it is.</param>
    /// <param name="Group">Models of one group have one colour.</param>
    /// <param name="Unbeaten">No other is better in one figure and as good in the two others.</param>
    internal sealed record Point(string Name, string Group, double Perplexity, long Bytes, double MillisecondsPerToken, bool Unbeaten);

    /// <summary>The drawings beside each other, and what the colours mean.</summary>
    /// <param name="what">What the models are called together.</param>
    public static IEnumerable<XElement> Write(IReadOnlyList<Point> points, string what)
    {
        string[] groups = [.. points.Select(point => point.Group).Distinct()];
        string Style(string group) => "s" + Array.IndexOf(groups, group) % PerplexityChart.Styles;

        yield return Element("p", $"Ringed are the {points.Count(point => point.Unbeaten)} of {points.Count} {what} that no other beats in perplexity, size and latency together; the lower and the further left, the better.");
        yield return Element("div", Attribute("class", "pair"),
            Draw(points, "size in MB", point => point.Bytes / 1e6, Style), Draw(points, "milliseconds a token", point => point.MillisecondsPerToken, Style));
        yield return Element("ul", Attribute("class", "legend"), groups.Select(group =>
            Element("li", Drawing("key", 18, 18, group, Circle("dot " + Style(group), 9, 9, 4)), Element("span", Attribute("aria-hidden", "true"), group))));
    }

    public static string Megabytes(long bytes) => (bytes / 1e6).ToString("#,0.0", CultureInfo.InvariantCulture) + " MB";

    public static string Milliseconds(double time) => time.ToString("0.00", CultureInfo.InvariantCulture);

    public static string Percent(double share) => (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static XElement Draw(IReadOnlyList<Point> points, string unit, Func<Point, double> figure, Func<string, string> style)
    {
        var vertical = new Axis([.. points.Select(point => point.Perplexity)]);
        var horizontal = new Axis([.. points.Select(figure)]);
        double X(double value) => Left + (Width - Left - Right) * horizontal.Place(value);
        double Y(double value) => Height - Bottom - (Height - Top - Bottom) * vertical.Place(value);

        var content = new List<XElement> { Text("tick", 2, 12, "start", "perplexity"), Text("tick", (Left + Width - Right) / 2, Height - 4, "middle", unit) };
        foreach (double tick in vertical.Ticks)
        {
            content.Add(Line("grid", Left, Y(tick), Width - Right, Y(tick)));
            content.Add(Text("tick", Left - 6, Y(tick) + 4, "end", Tick(tick)));
        }
        foreach (double tick in horizontal.Ticks) content.Add(Text("tick", X(tick), Height - Bottom + 18, "middle", Tick(tick)));
        foreach (var point in points)
        {
            double x = X(figure(point)), y = Y(point.Perplexity);
            content.Add(Circle("dot " + style(point.Group), x, y, 3.5, Tip(Describe(point))));
            if (point.Unbeaten) content.Add(Circle("second", x, y, 7));
        }
        return Drawing("chart", Width, Height, $"Perplexity against {unit}. Unbeaten: {string.Join("; ", points.Where(point => point.Unbeaten).OrderBy(point => point.Bytes).Select(Describe))}.", content);
    }

    private static string Describe(Point point) =>
        $"{point.Name}: perplexity {Figures.Perplexity(point.Perplexity)}, {Megabytes(point.Bytes)}, {Milliseconds(point.MillisecondsPerToken)} ms a token";

    private static string Tick(double value) => value.ToString("#,0.####", CultureInfo.InvariantCulture);
}
