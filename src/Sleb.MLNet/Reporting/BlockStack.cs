using System.Globalization;
using System.Xml.Linq;
using Sleb.Core.Plan;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>The blocks before and after: old numbers on the left, new ones on the right, a line from each survivor to its new place.</summary>
internal static class BlockStack
{
    private const double Row = 18, Box = 104, Before = 1, After = 215, Top = 22;

    public static XElement Draw(BlockPlan plan)
    {
        var rounds = plan.RemovedBlocks.Select((block, i) => (block, i)).ToDictionary(pair => pair.block, pair => pair.i + 1);
        var content = new List<XElement> { Text("tick", Before + Box / 2, 14, "middle", $"before: {plan.Search.Blocks}"), Text("tick", After + Box / 2, 14, "middle", $"after: {plan.Survivors.Count}") };
        for (int block = 0, place = 0; block < plan.Search.Blocks; block++)
        {
            double y = Top + block * Row;
            string number = block.ToString(CultureInfo.InvariantCulture);
            if (rounds.TryGetValue(block, out int round))
            {
                content.Add(Rect("box out", Before, y, Box, Row - 3));
                content.Add(Text("small", Before + Box / 2, y + 12, "middle", $"{number} · round {round}"));
                continue;
            }
            double to = Top + place * Row;
            content.Add(Rect("box", Before, y, Box, Row - 3));
            content.Add(Text("small", Before + Box / 2, y + 12, "middle", number));
            content.Add(Line("move", Before + Box + 3, y + 7.5, After - 3, to + 7.5));
            content.Add(Rect("box", After, to, Box, Row - 3));
            content.Add(Text("small", After + Box / 2, to + 12, "middle", place == block ? number : $"{place} (was {number})"));
            place++;
        }
        return Drawing("stack", After + Box + 1, Top + plan.Search.Blocks * Row, $"{plan.Search.Blocks} blocks before; without {Figures.List(plan.RemovedBlocks)} {plan.Survivors.Count} stay: {Figures.List(plan.Survivors)}.", content);
    }
}
