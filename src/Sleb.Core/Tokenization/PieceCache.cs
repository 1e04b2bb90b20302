using System.Collections.Concurrent;

namespace Sleb.Core.Tokenization;

/// <summary>Remembers what short pieces became: words repeat.</summary>
internal sealed class PieceCache(Func<string, Symbol[]> tokenize)
{
    // Long pieces seldom repeat; together the bounds keep the cache under some ten megabytes.
    private const int Longest = 64, Most = 65_536;

    private readonly ConcurrentDictionary<string, Symbol[]> _cache = new();
    private int _cached;

    public Symbol[] Get(string piece)
    {
        if (piece.Length > Longest) return tokenize(piece);
        if (_cache.TryGetValue(piece, out var symbols)) return symbols;
        symbols = tokenize(piece);
        if (Volatile.Read(ref _cached) < Most && _cache.TryAdd(piece, symbols)) Interlocked.Increment(ref _cached);
        return symbols;
    }
}
