namespace Sleb.Core.Tokenization;

/// <summary>What becomes of the text a pattern matched (the original's SplitDelimiterBehavior).</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}
