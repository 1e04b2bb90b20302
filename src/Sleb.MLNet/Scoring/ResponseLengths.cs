using System.Numerics;

namespace Sleb.MLNet.Scoring;

/// <summary>
/// How long completions become, learned from those that have ended: nine of ten prompts of about the same length (within a power of two)
/// ended by then. Nothing is known before <see cref="Enough"/> have.
/// </summary>
/// <remarks>Zheng et al. 2023 (arXiv 2305.13144) let the model itself say it; a base model cannot, and this costs nothing.</remarks>
internal sealed class ResponseLengths
{
    /// <summary>Fewer say nothing.</summary>
    public const int Enough = 8;

    /// <summary>The latest of each kind are remembered.</summary>
    private const int Remembered = 128;

    private const double Share = 0.9;

    private readonly SortedDictionary<int, Queue<int>> _lengths = [];

    public void Add(int promptLength, int length)
    {
        int kind = BitOperations.Log2((uint)promptLength);
        if (!_lengths.TryGetValue(kind, out var lengths)) _lengths.Add(kind, lengths = []);
        if (lengths.Count == Remembered) lengths.Dequeue();
        lengths.Enqueue(length);
    }

    /// <summary>The expected length of a completion that has got past <paramref name="atLeast"/> tokens; <paramref name="longest"/> where nothing is known.</summary>
    public int Expect(int promptLength, int atLeast, int longest)
    {
        int[] longer = _lengths.TryGetValue(BitOperations.Log2((uint)promptLength), out var alike) ? Longer(alike) : [];
        if (longer.Length < Enough) longer = Longer(_lengths.Values.SelectMany(lengths => lengths));
        return longer.Length < Enough ? longest : Math.Min(longest, longer[(int)Math.Ceiling(Share * longer.Length) - 1]);

        int[] Longer(IEnumerable<int> lengths) => [.. lengths.Where(length => length > atLeast).Order()];
    }
}
