using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>Finds what a pattern of tokenizer.json matches in a text: in order, without overlap.</summary>
internal abstract class TextPattern
{
    public abstract List<(int Start, int End)> Find(string text);

    /// <summary>The <c>{"String": …}</c> or <c>{"Regex": …}</c> of a normalizer, pre-tokenizer or decoder.</summary>
    public static TextPattern Read(JsonPart part)
    {
        if (!part["String"].IsNull) return Literal(part.String("String") is { Length: > 0 } text
            ? text
            : throw part.Unsupported("an empty pattern", "patterns that match something"));
        if (!part["Regex"].IsNull) return new PortableRegex(part.String("Regex"), part);
        throw part.Damaged($"{part.Where} has neither \"String\" nor \"Regex\"");
    }

    public static TextPattern Literal(string text) => new LiteralPattern(text);

    /// <summary>Every character that satisfies the condition is a match of its own.</summary>
    public static TextPattern Characters(Func<Rune, bool> condition) => new CharacterPattern(condition);

    public string Replace(string text, string content)
    {
        var matches = Find(text);
        if (matches.Count == 0) return text;
        var result = new StringBuilder(text.Length);
        int end = 0;
        foreach (var match in matches)
        {
            result.Append(text, end, match.Start - end).Append(content);
            end = match.End;
        }
        return result.Append(text, end, text.Length - end).ToString();
    }

    private sealed class LiteralPattern(string literal) : TextPattern
    {
        public override List<(int Start, int End)> Find(string text)
        {
            var matches = new List<(int, int)>();
            for (int at = text.IndexOf(literal, StringComparison.Ordinal); at >= 0; at = text.IndexOf(literal, at + literal.Length, StringComparison.Ordinal))
                matches.Add((at, at + literal.Length));
            return matches;
        }
    }

    private sealed class CharacterPattern(Func<Rune, bool> condition) : TextPattern
    {
        public override List<(int Start, int End)> Find(string text)
        {
            var matches = new List<(int, int)>();
            int at = 0;
            foreach (var rune in text.EnumerateRunes())
            {
                if (condition(rune)) matches.Add((at, at + rune.Utf16SequenceLength));
                at += rune.Utf16SequenceLength;
            }
            return matches;
        }
    }
}
