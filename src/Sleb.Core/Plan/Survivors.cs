using System.Globalization;

namespace Sleb.Core.Plan;

/// <summary>The blocks that stay when others are removed.</summary>
internal static class Survivors
{
    /// <summary>The ascending original indices that stay of a model of <paramref name="blocks"/> blocks.</summary>
    /// <exception cref="ArgumentException">An index the model does not have, one listed twice, or nothing left.</exception>
    public static IReadOnlyList<int> After(int blocks, IReadOnlyList<int> removed)
    {
        var gone = new HashSet<int>();
        foreach (int block in removed)
        {
            if (block < 0 || block >= blocks)
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Block {block} cannot be removed: the model has blocks 0 to {blocks - 1}."));
            if (!gone.Add(block))
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Block {block} is listed twice among the blocks to remove."));
        }
        if (gone.Count == blocks)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"All {blocks} blocks of the model are to be removed; at least one must stay."));
        return [.. Enumerable.Range(0, blocks).Where(block => !gone.Contains(block))];
    }
}
