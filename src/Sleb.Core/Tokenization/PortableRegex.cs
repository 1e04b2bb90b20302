using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Sleb.Core.Tokenization;

/// <summary>A regular expression that matches here exactly what it matches in Hugging Face's library.</summary>
/// <remarks>
/// .NET matches UTF-16 units where the original matches code points. A text with characters beyond the BMP is therefore matched
/// through a shadow: one stand-in of the same Unicode category for each such character.
/// </remarks>
internal sealed class PortableRegex : TextPattern
{
    private readonly Regex _regex;
    private readonly Dictionary<UnicodeCategory, char> _standIns;

    public PortableRegex(string pattern, JsonPart origin)
    {
        var translation = new RegexTranslation(pattern, origin);
        _regex = new Regex(translation.Result, RegexOptions.CultureInvariant | RegexOptions.Compiled);
        _standIns = StandIns(translation);
    }

    public override List<(int Start, int End)> Find(string text)
    {
        var matches = new List<(int Start, int End)>();
        int[]? offsets = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDBFF') < 0 ? null : new int[text.Length + 1];
        string shadow = offsets is null ? text : Shadow(text, offsets);
        int previous = -1;
        foreach (var match in _regex.EnumerateMatches(shadow))
        {
            // The original never reports an empty match directly behind the last match; .NET does.
            if (match.Length == 0 && match.Index == previous) continue;
            previous = match.Index + match.Length;
            matches.Add(offsets is null ? (match.Index, previous) : (offsets[match.Index], offsets[previous]));
        }
        return matches;
    }

    private string Shadow(string text, int[] offsets)
    {
        var shadow = new StringBuilder(text.Length);
        int at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            offsets[shadow.Length] = at;
            shadow.Append(rune.IsBmp ? (char)rune.Value : _standIns[Rune.GetUnicodeCategory(rune)]);
            at += rune.Utf16SequenceLength;
        }
        offsets[shadow.Length] = at;
        return shadow.ToString();
    }

    private static Dictionary<UnicodeCategory, char> StandIns(RegexTranslation translation)
    {
        var standIns = new Dictionary<UnicodeCategory, char>();
        for (int value = char.MaxValue; value > 0x7F; value--)
            if (!translation.Names((char)value)) standIns[CharUnicodeInfo.GetUnicodeCategory((char)value)] = (char)value;
        return standIns;
    }
}
