using System.Buffers;

namespace Sleb.Core.Tokenization;

/// <summary>Cuts a text at added tokens: the leftmost first, the longest where several begin.</summary>
internal sealed class AddedTokenFinder
{
    private readonly ILookup<char, (string Pattern, AddedToken Token)> _byFirst;
    private readonly SearchValues<string> _patterns;

    public AddedTokenFinder(IEnumerable<(string Pattern, AddedToken Token)> tokens)
    {
        _byFirst = tokens.Where(token => token.Pattern.Length > 0).OrderByDescending(token => token.Pattern.Length).ToLookup(token => token.Pattern[0]);
        _patterns = SearchValues.Create([.. _byFirst.SelectMany(group => group).Select(token => token.Pattern)], StringComparison.Ordinal);
    }

    /// <summary>The parts of the text in order; those between tokens have none, and empty ones are left out.</summary>
    public IEnumerable<(int Start, int End, AddedToken? Token)> Split(string text)
    {
        int covered = 0, at = 0;
        while (text.AsSpan(at).IndexOfAny(_patterns) is >= 0 and int ahead)
        {
            int start = at + ahead;
            var (pattern, token) = _byFirst[text[start]].First(candidate => text.AsSpan(start).StartsWith(candidate.Pattern, StringComparison.Ordinal));
            int end = at = start + pattern.Length;
            if (token.LeftStrip) start = Math.Max(covered, text.AsSpan(0, start).TrimEnd().Length);
            if (token.RightStrip) end = text.Length - text.AsSpan(end).TrimStart().Length;
            // A token within the white space that its neighbour took: the original crashes.
            end = Math.Max(start, end);
            if (covered < start) yield return (covered, start, null);
            yield return (start, end, token);
            covered = end;
        }
        if (covered < text.Length) yield return (covered, text.Length, null);
    }
}
