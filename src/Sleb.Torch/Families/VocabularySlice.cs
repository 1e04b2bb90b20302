namespace Sleb.Torch.Families;

/// <summary>Neighbouring entries of the vocabulary; where there is none, all of them.</summary>
internal readonly record struct VocabularySlice(long First, long Count);

internal static class VocabularySlices
{
    /// <summary>The rows of these entries.</summary>
    public static Tensor Of(this VocabularySlice? slice, Tensor rows) => slice is { } some ? rows.narrow(0, some.First, some.Count) : rows;
}
