using System.Xml.Linq;
using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Reporting;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Reporting;

/// <summary>Is a report one well-formed page that fetches nothing, and does it say what the plan says?</summary>
public class HtmlReportTests
{
    [Fact]
    public void It_is_well_formed_fetches_nothing_and_has_the_same_bytes_again()
    {
        using InventedRun run = new("a <b> & 'c'"), other = new("other", withLosses: false);
        ReportRun[] runs = [ReportRun.Read(run.Folder), ReportRun.Read(other.Folder)];
        string html = HtmlReport.Write(runs);
        Assert.Equal(html, HtmlReport.Write(runs));
        Assert.DoesNotContain("\r", html);
        var page = Parse(html);
        Assert.Empty(page.Descendants("script"));
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href" or "srcset" or "data");
        Assert.DoesNotMatch(@"url\(|@import|https?:", html);
        Assert.DoesNotMatch(@"<(td|th|p|div|span|ul|dd|dt|style|section)\b[^>]*/>", html); // a browser would take it for open
        Assert.Contains("a <b> & 'c'", page.Descendants("strong").First().Value);
        Assert.All(page.Descendants("svg"), drawing => Assert.NotEmpty(drawing.Attribute("aria-label")!.Value));
        Assert.Equal(7, page.Descendants("h2").Count()); // the curve, and for each run the map, the stack and the panel
    }

    [Fact]
    public void It_has_the_plans_figures()
    {
        using var run = new InventedRun();
        var page = Parse(HtmlReport.Write([ReportRun.Read(run.Folder)]));
        Assert.Contains("2 of 6 blocks removed (3, 2); perplexity on the calibration text 20.09 dense, 29.96 pruned (+49.2 %).", page.Descendants("li").First().Value);
        string[][] rows = [.. page.Descendants("tbody").Single().Elements().Select(row => row.Elements().Select(cell => cell.Value).ToArray())];
        Assert.Equal(["1", "3", "3.1000", "22.20", "2", "0.2000", "0.0500", ""], rows[0]);
        Assert.Equal(["2", "2", "3.4000", "29.96", "4", "0.0100", "0.0500", "near-tie"], rows[1]);
        Assert.StartsWith("Round 2 of 2: the margin to the runner-up is within its standard error", page.Descendants("p").Single(p => p.Value.Contains("margin")).Value);
        string facts = page.Descendants("dl").Single().Value;
        Assert.All((string[])["1,024 tokens: 2 windows of 512", new('a', 64), new('b', 64), "--remove 2 --windows 2 --sequence-length 512", "95 % interval"], fact => Assert.Contains(fact, facts));
    }

    [Fact]
    public void What_is_not_known_is_not_called_sure()
    {
        using InventedRun run = new(), influence = new(metric: SearchMetric.BlockInfluence);
        string tie = "Round 2 of 2: the margin to the runner-up is within its standard error, so other calibration text may well choose otherwise.";
        Assert.Equal(tie, HonestyPanel.NearTies(run.Plan));
        var first = run.Plan.Removals[0];
        Assert.StartsWith("No decision is a near-tie: ", HonestyPanel.NearTies(run.Plan with { Removals = [first] }));
        Assert.Equal(tie + " Round 1 of 2: the margin to the runner-up has no standard error (the two have fewer than two windows in common), so it is not known how sure this is.",
            HonestyPanel.NearTies(run.Plan with { Removals = [first with { MarginStandardError = null }, run.Plan.Removals[1]] }));
        Assert.StartsWith("No decision is a near-tie: ", // with one candidate there was nothing to be unsure of
            HonestyPanel.NearTies(run.Plan with { Removals = [first with { RunnerUp = null, Margin = null, MarginStandardError = null }] }));

        // By block influence nothing has an error, and a margin is not a loss.
        var page = Parse(HtmlReport.Write([ReportRun.Read(influence.Folder)]));
        Assert.Contains(page.Descendants("p"), p => p.Value == "Rounds 1, 2 of 2: the margin to the runner-up has no standard error (block influence is one figure of the whole text), so it is not known how sure this is.");
        Assert.DoesNotContain("No decision is a near-tie", page.ToString());
        Assert.Equal("Decisions: losses in nats per token on the calibration text, margins in block influence (1 − cosine)", page.Descendants("caption").Single().Value);
        Assert.Contains(page.Descendants("p"), p => p.Value == "In block influence (1 − cosine) above the best candidate of the round.");
        Assert.All(page.Descendants("tbody").Single().Elements(), row => Assert.Equal(["none", "not known"], row.Elements().TakeLast(2).Select(cell => cell.Value)));
    }

    [Fact]
    public void The_map_marks_what_went_and_what_nearly_did_and_the_stack_renumbers()
    {
        using var run = new InventedRun();
        var page = Parse(HtmlReport.Write([ReportRun.Read(run.Folder)]));
        var map = Drawing(page, "heat");
        Assert.Equal(7, Marked(map, "cell").Count());
        Assert.Equal([3, 2], Marked(map, "taken").Select(Column));
        Assert.Equal([2, 4], Marked(map, "second").Select(Column));
        Assert.Equal(5, Marked(map, "gone").Count()); // both ends twice, and block 3 in the second round
        Assert.Contains("round 1, without block 4: no loss", map.Value);
        string[] stack = [.. Drawing(page, "stack").Elements("text").Skip(2).Select(text => text.Value)];
        Assert.Equal(["0", "0", "1", "1", "2 · round 2", "3 · round 1", "4", "2 (was 4)", "5", "3 (was 5)"], stack);

        static int Column(XElement mark) => (int)(((double)mark.Attribute("cx")! - 64) / 20);
    }

    [Fact]
    public void The_curve_has_a_band_where_the_windows_losses_are_there()
    {
        using InventedRun run = new(), without = new(withLosses: false), influence = new(metric: SearchMetric.BlockInfluence);
        var read = ReportRun.Read(run.Folder);
        Assert.Equal(0.05, read.Curve[1].StandardError!.Value, 1e-9); // rises of 0.05 and 0.15
        Assert.Single(Marked(Drawing(Parse(HtmlReport.Write([read])), "chart"), "band"));
        Assert.Empty(Marked(Drawing(Parse(HtmlReport.Write([ReportRun.Read(without.Folder)])), "chart"), "band"));
        var unmeasured = Parse(HtmlReport.Write([ReportRun.Read(influence.Folder)]));
        Assert.Single(Marked(Drawing(unmeasured, "chart"), "dot"));
        Assert.Contains("perplexity on the calibration text 20.09 dense, of the pruned model not measured.", unmeasured.Descendants("li").First().Value);
    }

    [Fact]
    public void Between_what_was_measured_on_the_evaluation_text_no_line_is_drawn_where_removals_were_not()
    {
        using var run = new InventedRun(evaluated: true);
        var whole = RunEvaluation.Read(run.Folder, run.Plan)!;
        (whole with { Measured = [whole.Measured[0], null, whole.Measured[2]] }).Save(run.Folder);
        var page = Parse(HtmlReport.Write([ReportRun.Read(run.Folder)]));
        var chart = Drawing(page, "chart");
        Assert.Equal("curve s0", Assert.Single(Marked(chart, "curve")).Attribute("class")!.Value);
        Assert.Single(Marked(chart, "band"));
        Assert.Equal(3 + 2, Marked(chart, "dot").Count());
        Assert.Equal(["not measured", "33.12"], page.Descendants("tbody").Single().Elements().Select(row => row.Elements().ElementAt(4).Value));
    }

    [Fact]
    public void The_evaluation_text_has_a_curve_and_a_column_of_its_own_and_names_stand_in_the_command()
    {
        using var run = new InventedRun(evaluated: true);
        var page = Parse(HtmlReport.Write([ReportRun.Read(run.Folder)], machine: "a machine of 2 cores"));
        var chart = Drawing(page, "chart");
        Assert.Equal("Perplexity against blocks removed. six, calibration text: 20.09 dense, 29.96 with 2 removed. six, evaluation text: 22.20 dense, 33.12 with 2 removed.",
            chart.Attribute("aria-label")!.Value);
        Assert.Equal(["curve s0", "curve s0 held"], Marked(chart, "curve").Select(curve => curve.Attribute("class")!.Value));
        Assert.Equal(2, Marked(chart, "band").Count());
        Assert.Equal(["six, evaluation text, dense: perplexity 22.20", "six, evaluation text, without 3: perplexity 25.79", "six, evaluation text, without 3, 2: perplexity 33.12"],
            Marked(chart, "dot").Where(dot => dot.Attribute("class")!.Value.EndsWith("held", StringComparison.Ordinal)).Select(dot => dot.Value));
        Assert.Equal(["six, calibration text", "six, evaluation text", "dense model"], page.Descendants("ul").ElementAt(1).Elements().Select(item => item.Element("span")!.Value));
        Assert.EndsWith("; on the evaluation text 22.20 dense, 33.12 pruned (+49.2 %).", page.Descendants("li").First().Value);
        Assert.Equal(["Round", "Removed", "Loss", "Perplexity", "On evaluation text", "Runner-up"], page.Descendants("th").Take(6).Select(cell => cell.Value));
        Assert.Equal(["25.79", "33.12"], page.Descendants("tbody").Single().Elements().Select(row => row.Elements().ElementAt(4).Value));
        string facts = page.Descendants("dl").Single().Value;
        Assert.All((string[])[
            "1,024 tokens: 2 windows of a letter.txt", new('c', 64), "written on a machine of 2 cores", "org/six and books.txt are those with the fingerprints above",
            "sleb prune org/six --calibration books.txt --remove 2 ", " --evaluation 'a letter.txt' --evaluation-windows 2"], fact => Assert.Contains(fact, facts));
    }

    [Fact]
    public void An_evaluation_counts_as_far_as_it_belongs_to_the_plan()
    {
        using InventedRun run = new(evaluated: true), other = new();
        (run.Plan with { Removals = [run.Plan.Removals[0]], Survivors = [0, 1, 2, 4, 5] }).Save(Path.Combine(run.Folder, "plan.json"));
        Assert.Equal([0, 1], ReportRun.Read(run.Folder).EvaluationCurve.Select(point => point.Removed));
        var foreign = run.Plan.Search with { ModelFingerprint = new('d', 64) };
        Assert.Null(RunEvaluation.Read(run.Folder, run.Plan with { Search = foreign }));
        Assert.Null(RunEvaluation.Read(other.Folder, other.Plan)); // as runs of older versions are
        File.WriteAllText(Path.Combine(run.Folder, RunEvaluation.FileName), "{}");
        Assert.Contains("evaluation.json is damaged (", Assert.Throws<CheckpointException>(() => ReportRun.Read(run.Folder)).Message);
    }

    [Fact]
    public void Measured_folders_are_set_against_each_other()
    {
        using var run = new InventedRun();
        using var folder = new TemporaryFolder();
        string bench = folder["bench.json"], path = folder["report.html"];
        File.WriteAllText(bench, Bench("\"perplexity\": 20.5,"));
        Assert.Equal(0, SlebCli.Run("report", run.Folder, "--bench", bench, "--out", path).ExitCode);
        var page = Parse(File.ReadAllText(path));
        Assert.Contains(page.Descendants("p"), p => p.Value == "Measured on a machine, 4 cores: 256 prompt tokens, 128 new ones; medians of 5 runs.");
        XElement[] drawings = [.. page.Descendants("div").Single(div => (string?)div.Attribute("class") == "pair").Elements()];
        Assert.Equal("Perplexity against milliseconds a token. Unbeaten: /b/minus-2: perplexity 24.00, 8.0 MB, 8.00 ms a token; dense: perplexity 20.50, 10.0 MB, 10.00 ms a token.", drawings[1].Attribute("aria-label")!.Value);
        Assert.Equal(["/c/slow/minus-2", "25.00", "9.0 MB", "900.0", "90.0", "2.0 %", "0.90", ""], page.Descendants("tbody").First().Elements().Last().Elements().Select(cell => cell.Value));

        File.WriteAllText(bench, Bench(""));
        SlebCli.Run("report", run.Folder, "--bench", bench, "--out", path, "--overwrite").AssertFailed("bench.json has no perplexity or no speed of /a/dense", "sleb bench FOLDER… --text FILE --json");
        File.WriteAllText(bench, "[]");
        SlebCli.Run("report", run.Folder, "--bench", bench, "--out", path, "--overwrite").AssertFailed("bench.json is not what 'sleb bench --json' writes");

        static string Bench(string perplexity) => $$"""
            {"machine": "a machine, 4 cores", "promptTokens": 256, "newTokens": 128, "runs": 5, "folders": [
              {"folder": "/a/dense", "bytes": 10000000, {{perplexity}} "prefillTokensPerSecond": 1000, "decodeTokensPerSecond": 100, "spread": 0.01, "ratio": 1, "idealRatio": 1},
              {"folder": "/b/minus-2", "bytes": 8000000, "perplexity": 24, "prefillTokensPerSecond": 1250, "decodeTokensPerSecond": 125, "spread": 0.02, "ratio": 1.25, "idealRatio": 1.25},
              {"folder": "/c/slow/minus-2", "bytes": 9000000, "perplexity": 25, "prefillTokensPerSecond": 900, "decodeTokensPerSecond": 90, "spread": 0.02, "ratio": 0.9, "idealRatio": 1.1}],
             "generationPromptTokens": null, "batchSize": 1}
            """;
    }

    [Fact]
    public void An_experiment_shows_what_no_other_trial_beats()
    {
        using var run = new InventedRun();
        var page = Parse(HtmlReport.Write([ReportRun.Read(run.Folder)], [InventedExperiment.Make()]));
        XElement[] drawings = [.. page.Descendants("div").Single(div => (string?)div.Attribute("class") == "pair").Elements()];
        Assert.Equal(2, drawings.Length);
        Assert.All(drawings, drawing => Assert.Equal((4, 3), (Marked(drawing, "dot").Count(), Marked(drawing, "second").Count())));
        Assert.Equal("Perplexity against size in MB. Unbeaten: trial 4, 2 blocks removed, int4: perplexity 23.34, 3.0 MB, 0.50 ms a token; trial 2, 1 block removed, int4: perplexity 21.12, 3.3 MB, 0.60 ms a token; trial 1, 1 block removed, fp32: perplexity 20.09, 19.2 MB, 1.00 ms a token.",
            drawings[0].Attribute("aria-label")!.Value);
        string[][] rows = [.. page.Descendants("tbody").First().Elements().Select(row => row.Elements().Select(cell => cell.Value).ToArray())];
        Assert.Equal(["1", "3", "fp32", "20.09", "10.5 %", "19.2 MB", "1.00", "2.0 %", "unbeaten"], rows[0]);
        Assert.Equal(["3", "3, 4", "fp32", "24.53", "35.0 %", "17.6 MB", "0.90", "2.0 %", ""], rows[3]);
    }

    [Fact]
    public void Answers_stand_side_by_side_with_a_shade_for_every_token()
    {
        using var run = new InventedRun();
        var page = Parse(HtmlReport.Write([ReportRun.Read(run.Folder)], answers: [("dense", [Answer(0.2)]), ("minus-2", [Answer(9)])]));
        XElement[] answers = [.. page.Descendants("p").Where(p => (string?)p.Attribute("class") == "tokens")];
        Assert.Equal(["The door <b> & more", "The door <b> & more"], answers.Select(answer => answer.Value.TrimStart('\u200B')));
        Assert.Equal(["The", " door"], answers[0].Elements("em").Select(token => token.Value));
        Assert.Equal([null, "t2", "t0"], answers[0].Elements().Select(token => (string?)token.Attribute("class")));
        Assert.Equal("9.00 nats", (string?)answers[1].Elements().Last().Attribute("title"));

        static PromptAnswer Answer(double last) => new([new("The", null), new(" door", 1.5), new(" <b> & more", last)], 2);
    }

    [Theory]
    [InlineData(new[] { 42.0, 58.3 }, new[] { 40.0, 45, 50, 55, 60 })]
    [InlineData(new[] { 20.0, 20.0 }, new[] { 20.0, 20.05 })]
    [InlineData(new[] { 8.0, 950.0 }, new[] { 1.0, 10, 100, 1000 })]
    public void Ticks_are_round_and_enclose_the_values(double[] values, double[] ticks)
    {
        var axis = new Axis(values);
        Assert.Equal(ticks, axis.Ticks.Select(tick => Math.Round(tick, 9)));
        Assert.All(values, value => Assert.InRange(axis.Place(value), 0, 1));
    }

    [Fact]
    public void The_command_writes_it_and_refuses_to_lose_another_file()
    {
        using var run = new InventedRun();
        using var folder = new TemporaryFolder();
        string path = folder["report.html"];
        var call = SlebCli.Run("report", run.Folder, Path.Combine(run.Folder, "plan.json"), "--out", path, "--json");
        Assert.Equal(path, call.Json.GetProperty("report").GetString());
        Assert.Equal((0, $"Report      {path}\n", ""), Seen(SlebCli.Run("report", run.Folder, run.Folder, "--out", path)));
        SlebCli.Run("report", run.Folder, "--out", path).AssertFailed($"{path} is there already; give another name, or --overwrite.");
        Assert.Equal(0, SlebCli.Run("report", run.Folder, "--out", path, "--overwrite").ExitCode);
        Assert.Equal([path], Directory.GetFiles(folder.Path)); // and nothing of a temporary name
        SlebCli.Run("report", run.Folder, "--out", folder.Path).AssertFailed($"{folder.Path} is a folder; give a file to write to.");
        SlebCli.Run("report", folder.Path, "--out", path).AssertFailed("plan.json does not exist.");
        SlebCli.Run("report", "--out", path).AssertWrongCall("Required argument 'RUN…' missing for command: 'report'.", "sleb report RUN…");

        static (int, string, string) Seen(CliResult call) => (call.ExitCode, call.Out, call.Error);
    }

    private static XDocument Parse(string html)
    {
        Assert.StartsWith("<!DOCTYPE html>\n<html lang=\"en\">", html);
        return XDocument.Parse(html);
    }

    private static XElement Drawing(XDocument page, string cssClass) => page.Descendants("svg").Single(drawing => drawing.Attribute("class")!.Value == cssClass);

    private static IEnumerable<XElement> Marked(XElement drawing, string cssClass) =>
        drawing.Elements().Where(element => element.Attribute("class")?.Value.Split(' ')[0] == cssClass);
}
