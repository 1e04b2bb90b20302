using System.Globalization;
using System.Xml.Linq;

namespace Sleb.MLNet.Reporting;

/// <summary>Elements of HTML and of SVG inside it; text is escaped when it is written.</summary>
internal static class Html
{
    public static XElement Element(string name, params object?[] content) => new(name, content);

    public static XAttribute Attribute(string name, string value) => new(name, value);

    /// <summary>A drawing of <paramref name="width"/> x <paramref name="height"/> that a screen reader is told as one sentence.</summary>
    public static XElement Drawing(string cssClass, double width, double height, string label, params object?[] content) => new("svg",
        new XAttribute("class", cssClass), new XAttribute("viewBox", $"0 0 {N(width)} {N(height)}"), new XAttribute("width", N(width)), new XAttribute("height", N(height)),
        new XAttribute("role", "img"), new XAttribute("aria-label", label), content);

    public static XElement Rect(string cssClass, double x, double y, double width, double height, params object?[] content) => new("rect",
        new XAttribute("class", cssClass), new XAttribute("x", N(x)), new XAttribute("y", N(y)), new XAttribute("width", N(width)), new XAttribute("height", N(height)), content);

    public static XElement Line(string cssClass, double x1, double y1, double x2, double y2) => new("line",
        new XAttribute("class", cssClass), new XAttribute("x1", N(x1)), new XAttribute("y1", N(y1)), new XAttribute("x2", N(x2)), new XAttribute("y2", N(y2)));

    public static XElement Circle(string cssClass, double x, double y, double radius, params object?[] content) => new("circle",
        new XAttribute("class", cssClass), new XAttribute("cx", N(x)), new XAttribute("cy", N(y)), new XAttribute("r", N(radius)), content);

    /// <param name="anchor"><c>start</c>, <c>middle</c> or <c>end</c>.</param>
    public static XElement Text(string cssClass, double x, double y, string anchor, string text) => new("text",
        new XAttribute("class", cssClass), new XAttribute("x", N(x)), new XAttribute("y", N(y)), new XAttribute("text-anchor", anchor), text);

    /// <summary>What a pointer that rests there is told.</summary>
    public static XElement Tip(string text) => new("title", text);

    public static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>A wide drawing or table scrolls on a narrow screen, also by keyboard.</summary>
    public static XElement Scrolling(string label, params object?[] content) => new("div",
        new XAttribute("class", "scroll"), new XAttribute("tabindex", "0"), new XAttribute("role", "region"), new XAttribute("aria-label", label), content);

    public static XElement Table(string caption, string[] head, IEnumerable<string[]> rows) => Element("table",
        Element("caption", caption),
        Element("thead", Element("tr", head.Select(text => new XElement("th", new XAttribute("scope", "col"), text)))),
        Element("tbody", rows.Select(row => Element("tr", row.Select(text => new XElement("td", text))))));
}
