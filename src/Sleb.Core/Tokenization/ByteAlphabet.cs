using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>GPT-2's alphabet: every byte has one printable character, so that byte sequences can stand in a JSON vocabulary.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] _characters = Build();
    private static readonly Dictionary<char, byte> _bytes =
        Enumerable.Range(0, 256).ToDictionary(value => _characters[value], value => (byte)value);

    public static string Encode(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return string.Create(bytes.Length, bytes, static (characters, bytes) =>
        {
            for (int i = 0; i < characters.Length; i++) characters[i] = _characters[bytes[i]];
        });
    }

    /// <summary>The bytes of a token; a token with any character outside the alphabet stands for its own text, as in the original.</summary>
    public static byte[] Decode(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < bytes.Length; i++)
            if (!_bytes.TryGetValue(token[i], out bytes[i])) return Encoding.UTF8.GetBytes(token);
        return bytes;
    }

    private static char[] Build()
    {
        var characters = new char[256];
        int next = 256;
        for (int value = 0; value < 256; value++)
            characters[value] = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)value : (char)next++;
        return characters;
    }
}
