using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>SentencePiece's compiled normalizer: a double-array trie over UTF-8 from what is replaced to what it becomes.</summary>
/// <remarks>As the original library applies it: to grapheme clusters of up to five bytes, by the shortest entry that begins one, else to each character.</remarks>
internal sealed class CharacterMap
{
    private const int LongestCluster = 5;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    public CharacterMap(JsonPart part)
    {
        var text = part["precompiled_charsmap"];
        byte[] bytes = new byte[text.AsString().Length];
        if (!Convert.TryFromBase64String(text.AsString(), bytes, out int length)) throw part.Damaged($"{text.Where} is not in base64");
        var rest = bytes.AsSpan(0, length);
        uint size = rest.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (size < 4 || size > rest.Length - 4) throw part.Damaged($"{text.Where} holds no map");
        _units = new uint[size / 4];
        for (int i = 0; i < _units.Length; i++) _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(rest[(4 + 4 * i)..]);
        _replacements = rest[(int)(4 + size / 4 * 4)..].ToArray();
        if (!System.Text.Unicode.Utf8.IsValid(_replacements)) throw part.Damaged($"{text.Where} has replacements that are not UTF-8");
    }

    public string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int start = 0, length; start < text.Length; start += length)
        {
            length = StringInfo.GetNextTextElementLength(text, start);
            var cluster = text.AsSpan(start, length);
            if (Encoding.UTF8.GetByteCount(cluster) <= LongestCluster && Replacement(cluster) is { } whole)
            {
                result.Append(whole);
                continue;
            }
            for (int at = 0, width; at < length; at += width)
            {
                width = char.IsHighSurrogate(cluster[at]) ? 2 : 1;
                var character = cluster.Slice(at, width);
                if (Replacement(character) is { } replacement) result.Append(replacement);
                else result.Append(character);
            }
        }
        return result.ToString();
    }

    /// <summary>What the shortest entry at the beginning of the text becomes, or null where none begins it.</summary>
    private string? Replacement(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[LongestCluster];
        bytes = bytes[..Encoding.UTF8.GetBytes(text, bytes)];
        uint at = Offset(_units[0]);
        foreach (byte value in bytes)
        {
            at ^= value;
            // A label is a byte; leaves, whose top bit is set, have none.
            if (value == 0 || at >= _units.Length || (_units[at] & 0x800000FF) != value) return null;
            bool isEntry = (_units[at] & 0x100) != 0;
            at ^= Offset(_units[at]);
            if (!isEntry) continue;
            int start = at < _units.Length ? (int)(_units[at] & int.MaxValue) : int.MaxValue;
            if (start > _replacements.Length) return null;
            int end = _replacements.AsSpan(start).IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? _replacements.AsSpan(start) : _replacements.AsSpan(start, end));
        }
        return null;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
