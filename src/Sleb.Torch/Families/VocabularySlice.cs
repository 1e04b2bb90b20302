namespace Sleb.Torch.Families;

/// <summary>Some entries of the vocabulary: neighbouring ones, or those of a list. One list is equal to itself only.</summary>
internal readonly record struct VocabularySlice
{
    private readonly long _first, _count;
    private readonly long[]? _list;

    public VocabularySlice(long first, long count) => (_first, _count) = (first, count);

    public VocabularySlice(long[] entries) => _list = entries;

    public bool IsList => _list is not null;

    /// <summary>The rows of these entries.</summary>
    public Tensor Of(Tensor rows)
    {
        if (_list is null) return rows.narrow(0, _first, _count);
        using var entries = tensor(_list, device: rows.device);
        return rows.index_select(0, entries);
    }
}

internal static class VocabularySlices
{
    /// <summary>The rows of these entries; where there is no slice, all of them.</summary>
    public static Tensor Of(this VocabularySlice? slice, Tensor rows) => slice?.Of(rows) ?? rows;
}
