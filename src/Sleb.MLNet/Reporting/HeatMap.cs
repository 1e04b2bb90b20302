using System.Globalization;
using System.Xml.Linq;
using Sleb.Core.Plan;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>What each block's removal would have cost in each round: rounds down, blocks across.</summary>
internal static class HeatMap
{
    /// <summary>How far above the round's best score a cell gets darker; near the best small steps count.</summary>
    private static readonly double[] _steps = [0.01, 0.03, 0.1, 0.3, 1];

    private const double Cell = 20, Left = 64, Top = 22;

    public static XElement Draw(BlockPlan plan)
    {
        int blocks = plan.Search.Blocks;
        var content = new List<XElement>();
        for (int block = 0; block < blocks; block++)
            content.Add(Text("tick", Left + (block + 0.5) * Cell, Top - 7, "middle", block.ToString(CultureInfo.InvariantCulture)));
        for (int round = 0; round < plan.Removals.Count; round++)
        {
            double y = Top + round * Cell;
            content.Add(Text("tick", Left - 8, y + 14, "end", $"round {round + 1}"));
            content.AddRange(Row(plan, round, y));
        }
        return Drawing("heat", Left + blocks * Cell + 2, Top + plan.Removals.Count * Cell + 2, Sentence(plan), content);
    }

    /// <summary>What the numbers of the legend are.</summary>
    public static string Unit(BlockPlan plan) => $"In {HonestyPanel.Units(plan)} above the best candidate of the round.";

    /// <summary>What the shades and marks mean.</summary>
    public static XElement Legend()
    {
        var items = new List<XElement>();
        for (int level = 0; level <= _steps.Length; level++)
        {
            string range = level == _steps.Length ? $"{Step(level - 1)} and more" : $"below {Step(level)}";
            items.Add(Key(range, Rect("cell h" + level, 1, 1, 16, 16)));
        }
        items.Add(Key("removed", Rect("cell h0", 1, 1, 16, 16), Circle("taken", 9, 9, 5)));
        items.Add(Key("runner-up", Rect("cell h0", 1, 1, 16, 16), Circle("second", 9, 9, 5)));
        items.Add(Key("gone before, or not a candidate", Circle("gone", 9, 9, 2)));
        return Element("ul", Attribute("class", "legend"), items);

        static string Step(int level) => _steps[level].ToString(CultureInfo.InvariantCulture);
        static XElement Key(string text, params XElement[] drawing) => Element("li", Drawing("key", 18, 18, text, [.. drawing]), Element("span", Attribute("aria-hidden", "true"), text));
    }

    private static IEnumerable<XElement> Row(BlockPlan plan, int round, double y)
    {
        var removal = plan.Removals[round];
        var candidates = removal.Candidates.ToDictionary(candidate => candidate.Block);
        double best = removal.Candidates.Min(candidate => candidate.Score) ?? 0;
        for (int block = 0; block < plan.Search.Blocks; block++)
        {
            double x = Left + block * Cell;
            if (!candidates.TryGetValue(block, out var candidate))
            {
                yield return Circle("gone", x + Cell / 2, y + Cell / 2, 2);
                continue;
            }
            double? above = candidate.Score - best;
            string tip = $"round {round + 1}, without block {block}: {(candidate.MeanNll is null ? "no loss" : Figures.Nats(candidate.MeanNll) + " nats per token")}"
                + (block == removal.Block ? ", removed" : above is { } more ? $", {Figures.Nats(more)} above the best" : "")
                + (candidate.Screened ? ", by screening" : "") + (candidate.RuledOut ? ", ruled out early" : "");
            yield return Rect($"cell h{Level(above)}", x + 1, y + 1, Cell - 2, Cell - 2, Tip(tip));
            if (block == removal.Block) yield return Circle("taken", x + Cell / 2, y + Cell / 2, 5, Tip(tip));
            else if (block == removal.RunnerUp) yield return Circle("second", x + Cell / 2, y + Cell / 2, 5, Tip(tip));
        }
    }

    private static int Level(double? above) => above is { } nats ? _steps.Count(step => nats >= step) : _steps.Length;

    private static string Sentence(BlockPlan plan) => "Cost of removing each block in each round. "
        + string.Join(" ", plan.Removals.Select((removal, i) => $"Round {i + 1}: block {removal.Block} removed" + (removal.RunnerUp is { } second ? $", runner-up {second}." : ".")));
}
