using System.Xml.Linq;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>How sure the decisions are, and what they rest on.</summary>
internal static class HonestyPanel
{
    public static IEnumerable<XElement> Write(ReportRun run, string? machine)
    {
        var plan = run.Plan;
        yield return Element("p", NearTies(plan));
        yield return Scrolling($"Decisions of {run.Name}", Table($"Decisions: losses in nats per token on the calibration text, margins in {Units(plan)}",
            DecisionsHead(run.Measured), Decisions(plan, run.Measured)));
        yield return Element("dl", Facts(run, machine).SelectMany(fact => (XElement[])[Element("dt", fact.Name), Element("dd", fact.Value)]));
    }

    /// <summary>What the columns of <see cref="Decisions"/> are.</summary>
    public static string[] DecisionsHead(IReadOnlyList<NllSummary?> measured) =>
        ["Round", "Removed", "Loss", "Perplexity", .. measured.Count > 0 ? ["On evaluation text"] : Array.Empty<string>(), "Runner-up", "Margin", "Standard error", "Note"];

    /// <summary>Each decision, how close it was, and whether that is a near-tie.</summary>
    /// <param name="measured">The dense model on the evaluation text, and what removals left; empty for no such column.</param>
    public static IEnumerable<string[]> Decisions(BlockPlan plan, IReadOnlyList<NllSummary?> measured) => plan.Removals.Select((removal, i) => (string[])[
        Figures.Count(i + 1), Figures.Count(removal.Block), Figures.Nats(removal.MeanNll), removal.MeanNll is { } loss ? Figures.Perplexity(Math.Exp(loss)) : "not measured",
        .. measured.Count > 0 ? [measured.ElementAtOrDefault(i + 1) is { } held ? Figures.Perplexity(held.Perplexity) : "not measured"] : Array.Empty<string>(),
        removal.RunnerUp is { } second ? Figures.Count(second) : "none", removal.Margin is { } margin ? Figures.Nats(margin) : "none",
        removal.MarginStandardError is { } error ? Figures.Nats(error) : "none", removal.IsNearTie ? "near-tie" : IsUnknown(removal) ? "not known" : ""]);

    /// <summary>What the metric ranks by, and with it scores, margins and their errors, are counted in.</summary>
    public static string Units(BlockPlan plan) => plan.Search.Metric == SearchMetric.BlockInfluence ? "block influence (1 − cosine)" : "nats per token";

    /// <summary>How sure the decisions are, in a sentence or two; a missing error is not taken for a small one.</summary>
    public static string NearTies(BlockPlan plan)
    {
        string? ties = Rounds(plan, removal => removal.IsNearTie), unknown = Rounds(plan, IsUnknown);
        if (ties is null && unknown is null) return "No decision is a near-tie: every margin is above its standard error over the calibration windows.";
        return string.Join(' ', new[]
        {
            ties is null ? null : $"{ties}: the margin to the runner-up is within its standard error, so other calibration text may well choose otherwise.",
            unknown is null ? null : $"{unknown}: the margin to the runner-up has no standard error ({Reason(plan)}), so it is not known how sure this is.",
        }.Where(sentence => sentence is not null));
    }

    /// <summary>There was a choice, and nothing says how close it was.</summary>
    private static bool IsUnknown(Removal removal) => removal is { Margin: not null, MarginStandardError: null };

    private static string Reason(BlockPlan plan) => plan.Search switch
    {
        { Metric: SearchMetric.BlockInfluence } => "block influence is one figure of the whole text",
        { Windows: 1 } => "there is one calibration window only",
        _ => "the two have fewer than two windows in common",
    };

    private static string? Rounds(BlockPlan plan, Func<Removal, bool> which)
    {
        int[] rounds = [.. plan.Removals.Index().Where(pair => which(pair.Item)).Select(pair => pair.Index + 1)];
        return rounds.Length == 0 ? null : $"{(rounds.Length == 1 ? "Round" : "Rounds")} {Figures.List(rounds)} of {plan.Removals.Count}";
    }

    private static IEnumerable<(string Name, object Value)> Facts(ReportRun run, string? machine)
    {
        var search = run.Plan.Search;
        yield return ("Calibration", $"{Figures.Count((long)search.Windows * search.SequenceLength)} tokens: {search.Windows} windows of {search.SequenceLength}");
        if (run.Evaluation is { Measured: [{ } dense, ..] } held)
            yield return ("Evaluation", $"{Figures.Count(dense.Tokens)} tokens: {dense.WindowNll.Count} windows of {held.Text}");
        yield return ("Perplexities", "of the model as it was given. The calibration text also chose the blocks: on other text the rise is as a rule larger"
            + (run.Measured.Count > 0 ? ", and the evaluation text is other text. " : ". ")
            + (ReportRun.HasBand(run.Curve)
                ? "A band is the 95 % interval of the rise over the dense model, paired over the windows."
                : "There is no band for it, because the windows' losses (run.jsonl) are not beside the plan, or there is one window only."));
        yield return ("Ranked by", $"{Figures.Name(search.Metric)}, {Figures.Name(search.Effort)}, screened in {Figures.Name(search.Arithmetic)}");
        yield return ("Kept by rule", $"the first {search.EarlyBarrier} and the last {search.LateBarrier} blocks");
        yield return ("Model", $"{search.Family}, {search.Blocks} blocks");
        yield return ("Model fingerprint", Element("code", search.ModelFingerprint));
        yield return ("Calibration fingerprint", Element("code", search.CalibrationFingerprint));
        if (run.Measured.Count > 0) yield return ("Evaluation fingerprint", Element("code", run.Evaluation!.TextFingerprint));
        yield return ("Chance", "none: the search draws no random numbers, so there is no seed");
        if (machine is not null) yield return ("Machine", $"this report was written on {machine}; a plan names none, and another machine may differ in a loss's last digits.");
        yield return ("Command", Element("code", Command(run)));
        yield return ("Names in it", run.Evaluation is { } names
            ? $"{names.Model} and {names.Calibration} are those with the fingerprints above; where they lie is not noted."
            : "a plan holds no names: MODEL and FILE are those with the fingerprints above.");
    }

    private static string Command(ReportRun run) => run.Evaluation is not { } names ? CommandText.Search(run.Plan)
        : CommandText.Search(run.Plan, names.Model, names.Calibration)
            + (names.Measured is [{ } dense, ..] ? CommandText.Evaluation(names.Text, dense.WindowNll.Count, each: !names.Measured.Contains(null)) : "");
}
