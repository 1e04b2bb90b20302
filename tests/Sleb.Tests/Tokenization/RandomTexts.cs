using System.Text;

namespace Sleb.Tests.Tokenization;

/// <summary>Seeded texts that mix alphabets within a few characters, where tokenizers differ first.</summary>
internal sealed class RandomTexts(int seed, IEnumerable<string> specialTokens)
{
    private readonly Random _random = new(seed);

    private readonly string[][] _alphabets =
    [
        Each("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ["the ", " and", "ing", "'s", "'S", "'ll", "'RE", "'t", "'\u017F", "'d", "don't", " I've", "Lily", "ooooo", "\u212Aelvin", "\u0130stanbul", "Stra\u00DFe", "\uFB01n"],
        Each("0123456789\u00BD\u00B2\u00B3\u2167\u0663\u0969\u2460\uFF17\U0001D7D8\U0001D7D9\U00010107"),
        Each("   \t\n\r\v\f\u0085\u00A0\u1680\u2003\u2028\u2029\u202F\u3000\u200B\u180E\uFEFF"),
        ["  ", "    ", "\r\n", "\n\n", " \n", "\u00A0\u00A0", "          "],
        Each("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u2026\u2014\u201C\u201D\u20AC\u00A3\u00B0\u00AB"),
        Each("\u00E9\u00E8\u00DF\u00F1\u00C5\u00F8\u0131\u01C5\u03A9\u03C2\u0416\u044F\u05D0\u05E9\u0627\u0644\u0639\u0E01\u0E33\u0915\u093F"),
        Each("\u6F22\u5B57\u4E00\u9FFF\u3042\u30AB\uD55C\uAE00\u1112\u1161\u11AB\u3400\U00020000\U0002A6D6"),
        Each("e\u0301a\u0308o\u0323\u0302\u0345\u1E9B\u0323\u212B\u2126\uFB01\uFF21\u00A8\u0344\u0958"),
        Each("\U0001F600\U0001F469\u200D\U0001F467\uFE0F\u2764\U0001F1EB\U0001F1F7\U0001F3FD\u2600\U0001FAE0"),
        Each("\U00010400\U00010428\U0001D400\U0001D41A\U00010330\U000E0041\U0001F100\U000F0000\U0010FFFD\U0001D165\U00010A01"),
        Each("\u0001\u0007\u001B\u001F\u007F\u0080\u009F\u00AD\uE000\uFFFD\uFFFE\u2061"),
        ["\u2581", "\u2581\u2581", "<0x41>", "<0xE6>", "<unk>", "<|", "|>", "<s", "\u0120", "\u010A"],
        [.. specialTokens],
    ];

    public IEnumerable<string> Take(int count)
    {
        for (int i = 0; i < count; i++) yield return Next(_random.Next(48));
    }

    private string Next(int length)
    {
        var text = new StringBuilder();
        // A few alphabets at a time, so that runs of one kind meet runs of another.
        var chosen = Enumerable.Range(0, 1 + _random.Next(4)).Select(_ => _alphabets[_random.Next(_alphabets.Length)]).Where(alphabet => alphabet.Length > 0).ToArray();
        for (int i = 0; i < length; i++)
        {
            if (chosen.Length == 0 || _random.Next(40) == 0) text.Append(AnyCharacter());
            else if (chosen[_random.Next(chosen.Length)] is var alphabet) text.Append(alphabet[_random.Next(alphabet.Length)]);
        }
        return text.ToString();
    }

    private string AnyCharacter()
    {
        for (; ; )
            if (Rune.TryCreate(_random.Next(2) == 0 ? _random.Next(1, 0x3000) : _random.Next(1, 0x110000), out var rune)) return rune.ToString();
    }

    private static string[] Each(string characters) => [.. characters.EnumerateRunes().Select(rune => rune.ToString())];
}
