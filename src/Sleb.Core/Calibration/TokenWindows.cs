using System.Buffers.Binary;
using System.Security.Cryptography;
using Sleb.Core.Tokenization;

namespace Sleb.Core.Calibration;

/// <summary>Cuts a text's ids into the windows that are scored.</summary>
internal static class TokenWindows
{
    public const int DefaultLength = 512;

    /// <summary>The windows of a source from its start: cut from its text without overlap, the tail dropped, or the ready ones as they are.</summary>
    /// <param name="source">The text or the windows.</param>
    /// <param name="tokenizer">Turns the text into ids in one go; not asked for where the source holds ids.</param>
    /// <param name="length">The ids per window of a text, from <see cref="Length"/>.</param>
    /// <param name="most">How many windows to take; null for all. There may be fewer, never none.</param>
    /// <param name="context">The longest window the model takes.</param>
    /// <param name="vocabulary">How many ids the model knows.</param>
    /// <exception cref="InvalidDataException">The text is shorter than one window, a window longer than the context, or an id unknown.</exception>
    public static IReadOnlyList<int[]> Cut(TextSource source, Func<HuggingFaceTokenizer> tokenizer, int length, int? most, int context, int vocabulary)
    {
        if (most is { } least) ArgumentOutOfRangeException.ThrowIfLessThan(least, 1, nameof(most));
        if (source.Windows is null) return CutText(source.Name, tokenizer().Encode(source.Text!), length, most ?? int.MaxValue, vocabulary);
        var ready = source.Windows.Take(most ?? int.MaxValue).ToList();
        foreach (var (line, ids) in ready)
        {
            if (ids.Length > context) throw new InvalidDataException($"{source.Name}, line {line} has {ids.Length} token ids, more than the model's context of {context}. Shorten it.");
            CheckIds(ids, vocabulary, $"{source.Name}, line {line}");
        }
        return ready.ConvertAll(window => window.Ids);
    }

    private static int[][] CutText(string name, int[] ids, int length, int most, int vocabulary)
    {
        if (ids.Length < length)
            throw new InvalidDataException($"{name} holds {ids.Length} tokens, fewer than one window of {length}. Give a longer text or a smaller sequence length.");
        var windows = new int[Math.Min(ids.Length / length, most)][];
        for (int i = 0; i < windows.Length; i++) windows[i] = ids.AsSpan(i * length, length).ToArray();
        CheckIds(ids.AsSpan(0, windows.Length * length), vocabulary, name);
        return windows;
    }

    /// <summary>The ids per window: what was asked for, else 512 or the model's context where that is shorter.</summary>
    public static int Length(int? asked, int context)
    {
        int length = asked ?? Math.Min(DefaultLength, context);
        if (length > context) throw new ArgumentException($"The sequence length {length} is longer than the model's context of {context}. Choose at most {context}.");
        return length >= 2 ? length : throw new ArgumentException($"The sequence length {length} leaves nothing to predict. Choose at least 2.");
    }

    /// <summary>SHA-256 over each window's length and ids, little-endian: equal where the same ids are scored.</summary>
    public static string Fingerprint(IReadOnlyList<int[]> windows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var window in windows)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes, window.Length);
            hash.AppendData(bytes);
            foreach (int id in window)
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes, id);
                hash.AppendData(bytes);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void CheckIds(ReadOnlySpan<int> ids, int vocabulary, string where)
    {
        int position = ids.IndexOfAnyExceptInRange(0, vocabulary - 1);
        if (position >= 0) throw new InvalidDataException($"{where} has the token id {ids[position]} at position {position}, but the model knows ids 0 to {vocabulary - 1}. Use the tokenizer of this model.");
    }
}
