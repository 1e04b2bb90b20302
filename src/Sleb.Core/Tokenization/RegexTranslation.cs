using System.Globalization;
using System.Text;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>Rewrites the part of Oniguruma's regular expressions that means the same in .NET, and refuses the rest by name.</summary>
internal sealed class RegexTranslation
{
    private const string Categories = " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn ";
    private static readonly string[] _groups = ["(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"];

    private readonly string _pattern;
    private readonly JsonPart _origin;
    private readonly StringBuilder _result = new();
    private readonly List<(char First, char Last)> _named = [];
    private int _at;

    public RegexTranslation(string pattern, JsonPart origin)
    {
        (_pattern, _origin) = (pattern, origin);
        if (pattern.Length == 0) throw origin.Unsupported("an empty regular expression", "patterns that match something");
        Alternatives(ignoreCase: false);
        if (_at < pattern.Length) throw Refuse("an unmatched )");
    }

    public string Result => _result.ToString();

    /// <summary>Whether the pattern treats this character otherwise than its Unicode category alone says.</summary>
    public bool Names(char character) => _named.Any(range => range.First <= character && character <= range.Last);

    private char Next => _at < _pattern.Length ? _pattern[_at] : '\0';

    private void Alternatives(bool ignoreCase)
    {
        char last = '\0';
        while (_at < _pattern.Length && Next != ')')
        {
            if (Next == '|')
            {
                _result.Append(_pattern[_at++]);
                last = '\0';
                continue;
            }
            int start = _result.Length;
            char literal = Atom(ignoreCase);
            // Case folding joins these pairs into one letter (ß, ﬁ, …) in the original, never in .NET.
            if (ignoreCase && $"{last}{literal}".ToLowerInvariant() is "ss" or "st" or "ff" or "fi" or "fl")
                throw Refuse($"the case-insensitive letters {last}{literal}");
            last = literal;
            if (Quantifier(start)) last = '\0';
        }
    }

    /// <summary>One atom; its character where it is a single literal.</summary>
    private char Atom(bool ignoreCase)
    {
        switch (Next)
        {
            case '(':
                Group(ignoreCase);
                return '\0';
            case '[':
                Class(ignoreCase);
                return '\0';
            case '.':
                _result.Append(_pattern[_at++]);
                return '\0';
            case '^' or '$' or '{' or '}' or ']' or '*' or '+' or '?':
                throw Refuse($"{Next}");
            case '\\' when Set() is { } set:
                if (ignoreCase) throw Refuse($"{set} without regard to case");
                _result.Append(set);
                return '\0';
            default:
                char literal = Literal();
                _result.Append(ignoreCase ? $"[{AnyCase(literal)}]" : Escape(literal));
                return literal;
        }
    }

    private void Group(bool ignoreCase)
    {
        var rest = _pattern.AsSpan(_at);
        if (rest.StartsWith("(?i:"))
        {
            ignoreCase = true;
            _at += 4;
            _result.Append("(?:");
        }
        else if (_groups.FirstOrDefault(group => _pattern.AsSpan(_at).StartsWith(group)) is { } opening)
        {
            _at += opening.Length;
            _result.Append(opening);
        }
        else if (rest.StartsWith("(?") || rest.StartsWith("(*")) throw Refuse(rest[..Math.Min(4, rest.Length)].ToString());
        else
        {
            _at++;
            _result.Append("(?:");
        }
        Alternatives(ignoreCase);
        if (Next != ')') throw Refuse("an unclosed group");
        _at++;
        _result.Append(')');
    }

    private void Class(bool ignoreCase)
    {
        _at++;
        _result.Append('[');
        if (Next == '^')
        {
            if (ignoreCase) throw Refuse("[^ without regard to case");
            _at++;
            _result.Append('^');
        }
        for (bool first = true; Next != ']' || first; first = false)
        {
            if (_at >= _pattern.Length || Next is '[' or ']') throw Refuse("a set inside a set");
            if (Next == '&' && _pattern.AsSpan(_at).StartsWith("&&")) throw Refuse("&&");
            if (Set() is { } set)
            {
                if (ignoreCase) throw Refuse($"{set} without regard to case");
                if (Next == '-' && !_pattern.AsSpan(_at).StartsWith("-]")) throw Refuse($"a range from {set}");
                _result.Append(set);
                continue;
            }
            char from = Literal();
            if (Next != '-' || _pattern.AsSpan(_at).StartsWith("-]"))
            {
                _result.Append(ignoreCase ? AnyCase(from) : Escape(from));
                continue;
            }
            _at++;
            if (Next == '[' || from == '-' || ignoreCase || Set() is not null) throw Refuse($"a range from {from}");
            char to = Literal();
            if (to < from) throw Refuse($"the range {from}-{to}");
            _named.Add((from, to));
            _result.Append(CultureInfo.InvariantCulture, $"{Escape(from)}-{Escape(to)}");
        }
        _at++;
        _result.Append(']');
    }

    /// <summary>\s, \d, \p{L} and their opposites: the same sets in both.</summary>
    private string? Set()
    {
        var rest = _pattern.AsSpan(_at);
        if (rest.Length < 2 || rest[0] != '\\') return null;
        int length = rest[1] switch { 's' or 'S' or 'd' or 'D' => 2, 'p' or 'P' => rest.IndexOf('}') + 1, _ => 0 };
        if (length == 0 && rest[1] is not ('p' or 'P')) return null;
        string set = rest[..Math.Max(length, 2)].ToString();
        if (length != 2 && !(set.Length > 4 && set[2] == '{' && Categories.Contains($" {set[3..^1]} ", StringComparison.Ordinal)))
            throw Refuse(set);
        _at += length;
        return set;
    }

    private char Literal()
    {
        char character = _pattern[_at++];
        if (char.IsSurrogate(character)) throw Refuse("a character beyond U+FFFF");
        if (character == '\\')
        {
            char escape = Next;
            if (escape == '\0') throw Refuse("a \\ at the end");
            _at++;
            character = escape switch
            {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'f' => '\f',
                'v' => '\v',
                'u' when ushort.TryParse(_pattern.AsSpan(_at, Math.Min(4, _pattern.Length - _at)), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code) && !char.IsSurrogate((char)code) => (char)code,
                _ when char.IsAscii(escape) && !char.IsAsciiLetterOrDigit(escape) => escape,
                _ => throw Refuse($"\\{escape}"),
            };
            if (escape == 'u') _at += 4;
        }
        _named.Add((character, character));
        return character;
    }

    private bool Quantifier(int start)
    {
        int length = Next switch { '?' or '*' or '+' => 1, '{' => Repetition(), _ => 0 };
        if (length == 0) return false;
        string quantifier = _pattern.Substring(_at, length);
        _at += length;
        _result.Append(quantifier);
        // {m}? and {m,n}+ are not lazy and possessive there, but a quantifier on a quantifier.
        if ((Next == '+' && length > 1) || (Next == '?' && length > 1 && !quantifier.Contains(','))) throw Refuse(quantifier + Next);
        if (Next == '?') _result.Append(_pattern[_at++]);
        else if (Next == '+')
        {
            _at++;
            _result.Insert(start, "(?>").Append(')');
        }
        if (Next is '?' or '*' or '+' or '{') throw Refuse($"{quantifier} before {Next}");
        return true;
    }

    private int Repetition()
    {
        int end = _pattern.IndexOf('}', _at);
        var bounds = end < 0 ? [] : _pattern[(_at + 1)..end].Split(',');
        if (bounds is not ([[_, ..]] or [[_, ..], _]) || bounds.Any(bound => !bound.All(char.IsAsciiDigit)))
            throw Refuse("{ outside a {m,n}");
        return end + 1 - _at;
    }

    /// <summary>A letter in both cases, with the two letters beyond ASCII that fold to one within.</summary>
    private string AnyCase(char letter)
    {
        if (!char.IsAscii(letter)) throw Refuse($"{letter} without regard to case");
        string cases = char.IsAsciiLetter(letter) ? $"{char.ToLowerInvariant(letter)}{char.ToUpperInvariant(letter)}" : Escape(letter);
        string folded = cases switch { "sS" => "\u017F", "kK" => "\u212A", _ => "" };
        foreach (char other in folded) _named.Add((other, other));
        return cases + folded;
    }

    private static string Escape(char character) =>
        char.IsAsciiLetterOrDigit(character) ? $"{character}" : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:X4}");

    private CheckpointException Refuse(string found) =>
        _origin.Unsupported($"{found} in the regular expression {_pattern}", @"literals, sets, \s \d \p{category}, groups, lookaround, (?i: of ASCII letters, and quantifiers");
}
