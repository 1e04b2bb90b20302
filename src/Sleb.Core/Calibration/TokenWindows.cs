using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Sleb.Core.Tokenization;

namespace Sleb.Core.Calibration;

/// <summary>Text as fixed-length runs of tokens: tokenized in one go, cut without overlap, tail dropped.</summary>
internal static class TokenWindows
{
    private const int DefaultLength = 512;

    /// <summary>The length asked for, or min(512, the model's context).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Shorter than 2 or longer than the context.</exception>
    public static int Length(int? sequenceLength, int contextLength)
    {
        int length = sequenceLength ?? Math.Min(DefaultLength, contextLength);
        return length >= 2 && length <= contextLength ? length
            : throw new ArgumentOutOfRangeException(nameof(sequenceLength), FormattableString.Invariant(
                $"The sequence length is {length}; it must lie between 2 and the model's context of {contextLength}."));
    }

    /// <summary>The first <paramref name="count"/> windows of a source (null: all); ready windows are taken as they are.</summary>
    /// <param name="tokenizer">Asked for only where there is text to tokenize.</param>
    /// <exception cref="InvalidDataException">The text is shorter than one window, or an id is not in the vocabulary.</exception>
    public static IReadOnlyList<int[]> Cut(TextSource source, Func<HuggingFaceTokenizer> tokenizer, int length, int? count, int contextLength, int vocabSize)
    {
        var windows = source.Windows ?? Cut(source, tokenizer().Encode(source.Text!), length);
        windows = [.. windows.Take(count ?? int.MaxValue)];
        for (int w = 0; w < windows.Count; w++)
        {
            if (windows[w].Length > contextLength)
                throw new InvalidDataException(FormattableString.Invariant($"{source.Name} has {windows[w].Length} ids in window {w + 1}; the model's context is {contextLength}."));
            int bad = Array.FindIndex(windows[w], id => id < 0 || id >= vocabSize);
            if (bad >= 0)
                throw new InvalidDataException(FormattableString.Invariant($"{source.Name} has the id {windows[w][bad]} in window {w + 1}, position {bad + 1}; the model's vocabulary has {vocabSize} ids, numbered from 0."));
        }
        return windows;
    }

    /// <summary>SHA-256 over the ids and lengths of windows.</summary>
    public static string Fingerprint(IReadOnlyList<int[]> windows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int[] window in windows)
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>([window.Length]));
            hash.AppendData(MemoryMarshal.AsBytes<int>(window));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static IReadOnlyList<int[]> Cut(TextSource source, int[] ids, int length) => ids.Length >= length
        ? [.. ids.Chunk(length).Where(window => window.Length == length)]
        : throw new InvalidDataException(FormattableString.Invariant(
            $"{source.Name} holds {ids.Length} tokens, fewer than one window of {length}; give more text or a smaller sequence length."));
}
