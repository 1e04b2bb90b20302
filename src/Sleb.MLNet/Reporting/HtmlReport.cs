using System.Reflection;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>One HTML file about one or more searches and experiments: no script, nothing fetched, the same runs give the same bytes.</summary>
internal static class HtmlReport
{
    private static readonly string _style = ReadStyle();

    public static string Write(
        IReadOnlyList<ReportRun> runs, IReadOnlyList<ReportTrials>? experiments = null, IReadOnlyList<(string Name, IReadOnlyList<PromptAnswer> Answers)>? answers = null)
    {
        var page = new XElement("html", Attribute("lang", "en"),
            Element("head",
                Element("meta", Attribute("charset", "utf-8")),
                Element("meta", Attribute("name", "viewport"), Attribute("content", "width=device-width, initial-scale=1")),
                // Said to the browser too: nothing is fetched.
                Element("meta", Attribute("http-equiv", "Content-Security-Policy"), Attribute("content", "default-src 'none'; style-src 'unsafe-inline'")),
                Element("title", runs.Count == 1 ? $"{runs[0].Name}: which blocks can go" : "Which blocks can go"),
                Element("style", _style)),
            Element("body", Element("main", Body(runs, experiments ?? [], answers ?? []))));
        var text = new StringBuilder("<!DOCTYPE html>\n");
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true, Indent = true, IndentChars = " ", NewLineChars = "\n", NewLineHandling = NewLineHandling.None }))
            page.WriteTo(writer);
        return text.Append('\n').ToString();
    }

    private static IEnumerable<XElement> Body(
        IReadOnlyList<ReportRun> runs, IReadOnlyList<ReportTrials> experiments, IReadOnlyList<(string Name, IReadOnlyList<PromptAnswer> Answers)> answers)
    {
        yield return Element("h1", "Which blocks can go");
        yield return Element("ul", Attribute("class", "summary"), runs.Select(run => Element("li", Element("strong", run.Name), ": " + Summary(run))));
        foreach (var experiment in experiments.Where(experiment => experiment.Trials.Count > 0))
            yield return Section($"Size, latency and perplexity · {experiment.Name}", [.. ParetoChart.Write(experiment)]);
        yield return Section("Perplexity against blocks removed", PerplexityChart.Draw(runs), Legend(runs));
        if (answers.Count > 0) yield return Section("The same prompts", [.. PromptAnswers.Write(answers)]);
        foreach (var run in runs)
        {
            string of = runs.Count == 1 ? "" : $" · {run.Name}";
            yield return Section("What each removal would have cost" + of,
                Element("p", HeatMap.Unit(run.Plan.Search.Metric)), Scrolling("Heat map of rounds and blocks" + of, HeatMap.Draw(run.Plan)), HeatMap.Legend());
            yield return Section("The stack before and after" + of, BlockStack.Draw(run.Plan));
            yield return Section("How sure is this" + of, [.. HonestyPanel.Write(run)]);
        }
        yield return Element("footer", Element("p", $"Sleb.MLNet {Version()}. Method: SLEB (Song et al., ICML 2024, arXiv 2402.09025)."));
    }

    private static string Summary(ReportRun run)
    {
        var (dense, last) = (run.Curve[0].Perplexity, run.Curve[^1]);
        string removed = $"{run.Plan.Removals.Count} of {run.Plan.Search.Blocks} blocks removed ({Figures.List(run.Plan.RemovedBlocks)}); perplexity on the calibration text {Figures.Perplexity(dense)} dense, ";
        return removed + (last.Removed == run.Plan.Removals.Count && last.Removed > 0
            ? $"{Figures.Perplexity(last.Perplexity)} pruned ({Figures.Percent(dense, last.Perplexity)})."
            : "of the pruned model not measured by this metric.");
    }

    private static XElement Legend(IReadOnlyList<ReportRun> runs) => Element("ul", Attribute("class", "legend"), runs.Select((run, r) =>
    {
        string style = "s" + r % PerplexityChart.Styles;
        return Element("li", Drawing("key", 36, 18, run.Name, Line("curve " + style, 0, 9, 36, 9), Circle("dot " + style, 18, 9, 3.5)), Element("span", Attribute("aria-hidden", "true"), run.Name));
    }), Element("li", Drawing("key", 36, 18, "dense model", Line("dense s0", 0, 9, 36, 9)), Element("span", Attribute("aria-hidden", "true"), "dense model")));

    private static XElement Section(string heading, params XElement[] content) => Element("section", Element("h2", heading), content);

    private static string Version() => typeof(HtmlReport).Assembly.GetName().Version!.ToString(3);

    private static string ReadStyle()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("Sleb.MLNet.Reporting.report.css")!);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
