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

    /// <param name="machine">What the report is written on.</param>
    public static string Write(
        IReadOnlyList<ReportRun> runs, IReadOnlyList<ReportTrials>? experiments = null, IReadOnlyList<(string Name, IReadOnlyList<PromptAnswer> Answers)>? answers = null,
        IReadOnlyList<ReportBench>? benches = null, string? machine = null)
    {
        var page = new XElement("html", Attribute("lang", "en"),
            Element("head",
                Element("meta", Attribute("charset", "utf-8")),
                Element("meta", Attribute("name", "viewport"), Attribute("content", "width=device-width, initial-scale=1")),
                // Said to the browser too: nothing is fetched.
                Element("meta", Attribute("http-equiv", "Content-Security-Policy"), Attribute("content", "default-src 'none'; style-src 'unsafe-inline'")),
                Element("title", runs.Count == 1 ? $"{runs[0].Name}: which blocks can go" : "Which blocks can go"),
                Element("style", _style)),
            Element("body", Element("main", Body(runs, experiments ?? [], answers ?? [], benches ?? [], machine))));
        var text = new StringBuilder("<!DOCTYPE html>\n");
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true, Indent = true, IndentChars = " ", NewLineChars = "\n", NewLineHandling = NewLineHandling.None }))
            page.WriteTo(writer);
        return text.Append('\n').ToString();
    }

    private static IEnumerable<XElement> Body(
        IReadOnlyList<ReportRun> runs, IReadOnlyList<ReportTrials> experiments, IReadOnlyList<(string Name, IReadOnlyList<PromptAnswer> Answers)> answers,
        IReadOnlyList<ReportBench> benches, string? machine)
    {
        yield return Element("h1", "Which blocks can go");
        yield return Element("ul", Attribute("class", "summary"), runs.Select(run => Element("li", Element("strong", run.Name), ": " + Summary(run))));
        foreach (var experiment in experiments.Where(experiment => experiment.Trials.Count > 0))
            yield return Section($"Size, latency and perplexity · {experiment.Name}", [.. TrialsPanel.Write(experiment)]);
        foreach (var bench in benches)
            yield return Section("Size, speed and perplexity of written folders", [.. BenchPanel.Write(bench)]);
        yield return Section("Perplexity against blocks removed", PerplexityChart.Draw(runs), PerplexityChart.Legend(runs));
        if (answers.Count > 0) yield return Section("The same prompts", [.. PromptAnswers.Write(answers)]);
        foreach (var run in runs)
        {
            string of = runs.Count == 1 ? "" : $" · {run.Name}";
            yield return Section("What each removal would have cost" + of,
                Element("p", HeatMap.Unit(run.Plan)), Scrolling("Heat map of rounds and blocks" + of, HeatMap.Draw(run.Plan)), HeatMap.Legend());
            yield return Section("The stack before and after" + of, BlockStack.Draw(run.Plan));
            yield return Section("How sure is this" + of, [.. HonestyPanel.Write(run, machine)]);
        }
        yield return Element("footer", Element("p", $"Sleb.MLNet {Version()}. Method: SLEB (Song et al., ICML 2024, arXiv 2402.09025)."));
    }

    private static string Summary(ReportRun run) =>
        $"{run.Plan.Removals.Count} of {run.Plan.Search.Blocks} blocks removed ({Figures.List(run.Plan.RemovedBlocks)}); perplexity on the calibration text {Rise(run, run.Curve)}"
        + (run.EvaluationCurve.Count > 0 ? $"; on the evaluation text {Rise(run, run.EvaluationCurve)}." : ".");

    private static string Rise(ReportRun run, IReadOnlyList<ReportRun.Point> curve)
    {
        var (dense, last) = (curve[0].Perplexity, curve[^1]);
        return $"{Figures.Perplexity(dense)} dense, " + (last.Removed == run.Plan.Removals.Count && last.Removed > 0
            ? $"{Figures.Perplexity(last.Perplexity)} pruned ({Figures.Percent(dense, last.Perplexity)})"
            : "of the pruned model not measured");
    }

    private static XElement Section(string heading, params XElement[] content) => Element("section", Element("h2", heading), content);

    private static string Version() => typeof(HtmlReport).Assembly.GetName().Version!.ToString(3);

    private static string ReadStyle()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("Sleb.MLNet.Reporting.report.css")!);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
