using System.Globalization;
using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>Unicode normalization as of Unicode 9, whose tables the original still uses.</summary>
/// <remarks>Characters that came later and would combine, reorder or decompose stand fixed there, so text is normalized in stretches between them.</remarks>
internal static class UnicodeForms
{
    // U+FFFE is none of them, but .NET refuses to normalize it.
    private const string Fixed = """
        7FD 897-89F 8C9-8D3 9FE AFA-AFF B55 C04 C3C CF3-D00 D3B-D3C D81 EBA ECE 1715 180F 1ABF-1ACE 1CF7 1DF6-1DFA 32FF A7F2-A7F4 A82C A8FF
        AB69 FFFE 105C0-105FF 10780-107BA 10D24-10D6F 10EAB-10F85 11070-11074 110C2 11145-11146 111CE-111CF 11241 1133B 11380-113FF 1145E
        1182C-1183A 11900-11A99 11D31-11F5A 13440-13455 16100-1613F 16D40-16D7F 16F4F 16F7F-16F87 16FE1-16FF1 1AFF0-1AFFE 1CF00-1CF46
        1E030-1E5EF 1E94B 1F16C 1FBF0-1FBF9
        """;

    private static readonly (int First, int Last)[] _fixed = [.. Fixed.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(range => range.Split('-')).Select(ends => (Parse(ends[0]), Parse(ends[^1])))];

    public static string Normalize(string text, NormalizationForm form)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', (char)(_fixed[0].First - 1))) return text.Normalize(form);
        var result = new StringBuilder(text.Length);
        int start = 0, at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            int next = at + rune.Utf16SequenceLength;
            if (IsFixed(rune.Value))
            {
                result.Append(text[start..at].Normalize(form)).Append(text, at, next - at);
                start = next;
            }
            at = next;
        }
        return result.Append(text[start..].Normalize(form)).ToString();
    }

    private static bool IsFixed(int value) => Array.Exists(_fixed, range => range.First <= value && value <= range.Last);

    private static int Parse(string digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
