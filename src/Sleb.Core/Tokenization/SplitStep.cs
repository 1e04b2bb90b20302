namespace Sleb.Core.Tokenization;

/// <summary>Cuts at the matches of a pattern.</summary>
internal sealed class SplitStep(TextPattern pattern, SplitBehavior behavior, bool invert = false) : PreTokenizerStep
{
    public override void Split(Piece piece, List<Piece> pieces)
    {
        int before = pieces.Count;
        foreach (var (start, end) in Ranges(piece.Text))
            if (end > start) pieces.Add(new(piece.Text[start..end], piece.First && start == 0 && pieces.Count == before));
    }

    private IEnumerable<(int Start, int End)> Ranges(string text)
    {
        var parts = Parts(text);
        if (behavior is SplitBehavior.Isolated) return parts.Select(part => (part.Start, part.End));
        if (behavior is SplitBehavior.Removed) return parts.Where(part => !part.IsMatch).Select(part => (part.Start, part.End));

        var ranges = new List<(int Start, int End)>();
        bool fromEnd = behavior is SplitBehavior.MergedWithNext, previous = false;
        if (fromEnd) parts.Reverse();
        foreach (var (start, end, isMatch) in parts)
        {
            bool merge = behavior is SplitBehavior.Contiguous ? isMatch == previous : isMatch && !previous;
            if (merge && ranges.Count > 0) ranges[^1] = fromEnd ? (start, ranges[^1].End) : (ranges[^1].Start, end);
            else ranges.Add((start, end));
            previous = isMatch;
        }
        if (fromEnd) ranges.Reverse();
        return ranges;
    }

    private List<(int Start, int End, bool IsMatch)> Parts(string text)
    {
        var matches = pattern.Find(text);
        var parts = new List<(int, int, bool)>(2 * matches.Count + 1);
        int last = 0;
        foreach (var (start, end) in matches)
        {
            if (start > last) parts.Add((last, start, invert));
            parts.Add((start, end, !invert));
            last = end;
        }
        if (last < text.Length) parts.Add((last, text.Length, invert));
        return parts;
    }
}
