using System.Text;

namespace Sleb.MLNet.Reporting;

/// <summary>The blocks that stay, as mergekit's passthrough merge of one model.</summary>
internal static class MergeSlices
{
    /// <summary>Runs of consecutive blocks, the end not included.</summary>
    public static IEnumerable<(int Start, int End)> Of(IReadOnlyList<int> survivors)
    {
        int start = 0;
        for (int i = 1; i <= survivors.Count; i++)
        {
            if (i < survivors.Count && survivors[i] == survivors[i - 1] + 1) continue;
            yield return (survivors[start], survivors[i - 1] + 1);
            start = i;
        }
    }

    /// <param name="model">As a YAML scalar.</param>
    public static string Yaml(string model, IReadOnlyList<int> survivors)
    {
        var yaml = new StringBuilder("slices:\n");
        foreach (var (start, end) in Of(survivors)) yaml.Append(FormattableString.Invariant($"  - sources:\n      - model: {model}\n        layer_range: [{start}, {end}]\n"));
        return yaml.Append("merge_method: passthrough\n").ToString();
    }
}
