using System.Globalization;

namespace Sleb.Core.Checkpoints;

/// <summary>The block a tensor belongs to, read from its name <c>{prefix}{index}.…</c>.</summary>
internal static class BlockName
{
    private const int MaxRanges = 8;

    /// <summary>The block of a tensor, or null for one outside the blocks (embedding, final norm, head).</summary>
    /// <exception cref="CheckpointException">The name has the prefix and no plain number behind it.</exception>
    public static int? Index(string name, string prefix)
    {
        if (!name.StartsWith(prefix, StringComparison.Ordinal)) return null;
        var rest = name.AsSpan(prefix.Length);
        int dot = rest.IndexOf('.');
        // "01" would be another name for block 1, and two tensors of one name after renumbering.
        bool plain = dot == 1 || (dot > 1 && rest[0] != '0');
        return plain && int.TryParse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index
            : throw new CheckpointException($"The checkpoint holds tensor '{Excerpt.Of(name)}', which has no block number behind '{prefix}'.");
    }

    /// <summary>The name the same tensor has in block <paramref name="index"/>.</summary>
    public static string Renumber(string name, string prefix, int index) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}{index}{name.AsSpan(name.IndexOf('.', prefix.Length))}");

    /// <summary>Ascending numbers as a person writes them: <c>0-13, 15-29</c>.</summary>
    public static string Ranges(IEnumerable<int> ascending)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (int i in ascending)
            if (ranges.Count > 0 && ranges[^1].Last == i - 1) ranges[^1] = (ranges[^1].First, i);
            else ranges.Add((i, i));
        return string.Join(", ", ranges.Take(MaxRanges).Select(Text)) + (ranges.Count > MaxRanges ? ", …" : "");

        static string Text((int First, int Last) range) => range.First == range.Last
            ? range.First.ToString(CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}");
    }
}
