using System.Xml.Linq;
using Sleb.Core.Plan;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>How sure the decisions are, and what they rest on.</summary>
internal static class HonestyPanel
{
    public static IEnumerable<XElement> Write(ReportRun run)
    {
        var plan = run.Plan;
        yield return Element("p", NearTies(plan));
        yield return Scrolling($"Decisions of {run.Name}", Table("Decisions: losses in nats per token on the calibration text",
            ["Round", "Removed", "Loss", "Perplexity", "Runner-up", "Margin", "Standard error", "Note"], Decisions(plan)));
        yield return Element("dl", Facts(run).SelectMany(fact => (XElement[])[Element("dt", fact.Name), Element("dd", fact.Value)]));
    }

    /// <summary>Round, removed block, loss, perplexity, runner-up, margin, its standard error, and whether that is a near-tie.</summary>
    public static IEnumerable<string[]> Decisions(BlockPlan plan) => plan.Removals.Select((removal, i) => (string[])[
        Figures.Count(i + 1), Figures.Count(removal.Block), Figures.Nats(removal.MeanNll), removal.MeanNll is { } loss ? Figures.Perplexity(Math.Exp(loss)) : "not measured",
        removal.RunnerUp is { } second ? Figures.Count(second) : "none", removal.Margin is { } margin ? Figures.Nats(margin) : "none",
        removal.MarginStandardError is { } error ? Figures.Nats(error) : "none", removal.IsNearTie ? "near-tie" : ""]);

    public static string NearTies(BlockPlan plan)
    {
        int[] rounds = [.. plan.Removals.Select((removal, i) => (removal, Round: i + 1)).Where(pair => pair.removal.IsNearTie).Select(pair => pair.Round)];
        return rounds.Length == 0
            ? "No decision is a near-tie: every margin is above its standard error over the calibration windows."
            : $"{(rounds.Length == 1 ? "Round" : "Rounds")} {Figures.List(rounds)} of {plan.Removals.Count}: the margin to the runner-up is within its standard error, so other calibration text may well choose otherwise.";
    }

    private static IEnumerable<(string Name, object Value)> Facts(ReportRun run)
    {
        var search = run.Plan.Search;
        yield return ("Calibration", $"{Figures.Count((long)search.Windows * search.SequenceLength)} tokens: {search.Windows} windows of {search.SequenceLength}");
        yield return ("Perplexities", "of the checkpoint on the calibration text, which also chose the blocks: on other text the rise is as a rule larger. "
            + (run.HasBand
                ? "The band is the 95 % interval of the rise over the dense model, paired over the windows."
                : "There is no band, because the windows' losses (run.jsonl) are not beside the plan, or there is one window only."));
        yield return ("Ranked by", $"{Figures.Name(search.Metric)}, {Figures.Name(search.Effort)}, screened in {Figures.Name(search.Arithmetic)}");
        yield return ("Kept by rule", $"the first {search.EarlyBarrier} and the last {search.LateBarrier} blocks");
        yield return ("Model", $"{search.Family}, {search.Blocks} blocks");
        yield return ("Model fingerprint", Element("code", search.ModelFingerprint));
        yield return ("Calibration fingerprint", Element("code", search.CalibrationFingerprint));
        yield return ("Chance", "none: the search draws no random numbers, so there is no seed");
        yield return ("Command", Element("code", CommandText.Search(run.Plan)));
        yield return ("Names in it", "a plan holds no paths: MODEL and FILE are those with the fingerprints above.");
    }
}
