using System.Buffers.Binary;
using System.Security.Cryptography;
using Sleb.Core.Tokenization;

namespace Sleb.Core.Calibration;

/// <summary>Cuts a text's ids into the windows that are scored.</summary>
internal static class TokenWindows
{
    public const int DefaultLength = 512;

    /// <summary>The windows of a text file: cut from its text, or the ready ones as they are.</summary>
    /// <param name="content">The file.</param>
    /// <param name="purpose">What the text is for, as messages name it: "calibration", "evaluation".</param>
    /// <param name="tokenizer">Turns the text into ids; may be missing where the file holds ids.</param>
    /// <param name="length">The ids per window of a text, from <see cref="Length"/>.</param>
    /// <param name="context">The longest window the model takes.</param>
    /// <param name="vocabulary">How many ids the model knows.</param>
    /// <param name="most">How many windows to take; null for all.</param>
    public static IReadOnlyList<int[]> Read(TextFileContent content, string purpose, HuggingFaceTokenizer? tokenizer, int length, int context, int vocabulary, int? most = null)
    {
        var ready = content.Windows.Take(most ?? int.MaxValue).ToArray();
        if (content.Text is { } text)
        {
            if (tokenizer is null)
                throw new InvalidDataException($"{content.Path} holds text, and the model has no tokenizer.json. Add the model's tokenizer, or give a .jsonl of input_ids.");
            return Cut(tokenizer.Encode(text), length, purpose, vocabulary, most);
        }
        foreach (var (line, ids) in ready)
        {
            if (ids.Length > context)
                throw new InvalidDataException($"{content.Path}, line {line} has {ids.Length} token ids, more than the model's context of {context}. Shorten it.");
            CheckIds(ids, vocabulary, $"{content.Path}, line {line}");
        }
        return [.. ready.Select(window => window.Ids)];
    }

    /// <summary>Non-overlapping windows from the start; what is left at the end is dropped. There may be fewer than asked for, never none.</summary>
    public static IReadOnlyList<int[]> Cut(ReadOnlySpan<int> ids, int length, string purpose, int vocabulary, int? most = null)
    {
        if (most is { } least) ArgumentOutOfRangeException.ThrowIfLessThan(least, 1, nameof(most));
        if (ids.Length < length)
            throw new InvalidDataException($"The {purpose} text holds {ids.Length} tokens, fewer than one window of {length}. Give a longer text or a smaller sequence length.");
        var windows = new int[Math.Min(ids.Length / length, most ?? int.MaxValue)][];
        for (int i = 0; i < windows.Length; i++) windows[i] = ids.Slice(i * length, length).ToArray();
        CheckIds(ids[..(windows.Length * length)], vocabulary, $"The {purpose} text");
        return windows;
    }

    /// <summary>The ids per window: what was asked for, else 512 or the model's context where that is shorter.</summary>
    public static int Length(int? asked, int context)
    {
        int length = asked ?? Math.Min(DefaultLength, context);
        if (length > context)
            throw new ArgumentException($"The sequence length {length} is longer than the model's context of {context}. Choose at most {context}.");
        return length >= 2
            ? length
            : throw new ArgumentException($"The sequence length {length} leaves nothing to predict. Choose at least 2.");
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
        if (position >= 0)
            throw new InvalidDataException($"{where} has the token id {ids[position]} at position {position}, but the model knows ids 0 to {vocabulary - 1}. Use the tokenizer of this model.");
    }
}
