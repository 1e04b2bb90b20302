using System.Text;
using System.Text.Json;

namespace Sleb.Core.Tokenization;

/// <summary>Byte-pair encoding: the pair with the lowest rank is merged, the leftmost of equals first, until none is left.</summary>
internal sealed class BytePairModel : TokenModel
{
    private const char WordStart = '\u2581';

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idOf;
    private readonly Dictionary<int, string> _tokenOf = [];
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly int[]? _byteIds;
    private readonly int? _unknown;
    private readonly bool _fuseUnknown, _wholePieceFirst, _byteLevel, _cutAtWords;
    private readonly PieceCache _cache;

    public BytePairModel(JsonPart part, bool byteLevel)
    {
        if (!part["dropout"].IsNull && part["dropout"].Element.ToString() is not ("0" or "0.0")) throw part.Unsupported("dropout", "none");
        foreach (string name in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
            if (part[name] is { IsNull: false } affix && affix.AsString().Length > 0)
                throw part.Unsupported($"the {name} {affix.AsString()}", "none");

        _byteLevel = byteLevel;
        _cache = new(Merge);
        _fuseUnknown = part.Flag("fuse_unk");
        _wholePieceFirst = part.Flag("ignore_merges");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        _idOf = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (token, id) in part["vocab"].Members())
        {
            vocabulary[token] = id.AsInteger();
            if (!_tokenOf.TryAdd(vocabulary[token], token))
                throw part.Damaged($"the tokens {_tokenOf[vocabulary[token]]} and {token} share the id {vocabulary[token]}");
        }
        int rank = 0;
        foreach (var merge in part["merges"].Items())
        {
            if (IsVersion(merge)) continue;
            var (left, right) = Parts(merge);
            _merges[(Id(left, merge), Id(right, merge))] = (rank++, Id(left + right, merge));
        }
        if (!part["unk_token"].IsNull) _unknown = Id(part.String("unk_token"), part["unk_token"]);
        // SentencePiece has no pre-tokenizer, but where no token goes on from another character to ▁, no merge does either.
        _cutAtWords = !_wholePieceFirst && vocabulary.ContainsKey($"{WordStart}") && !vocabulary.Keys.Any(token => NextWord(token, 0) < token.Length);
        if (part.Flag("byte_fallback")) _byteIds = ByteIds();
    }

    public override IEnumerable<int> Ids => _tokenOf.Keys;

    public override int Count => _tokenOf.Count;

    public override int? TokenToId(string token) => _idOf.TryGetValue(token, out int id) ? id : null;

    public override string? IdToToken(int id) => _tokenOf.GetValueOrDefault(id);

    public override void Tokenize(string piece, List<Symbol> symbols)
    {
        if (!_cutAtWords) symbols.AddRange(_cache.Get(piece));
        else
            for (int start = 0, end; start < piece.Length; start = end)
            {
                end = NextWord(piece, start);
                symbols.AddRange(_cache.Get(piece[start..end]));
            }
    }

    /// <summary>Where the next run of ▁ begins behind another character.</summary>
    private static int NextWord(string text, int start)
    {
        int other = text.AsSpan(start).IndexOfAnyExcept(WordStart);
        int next = other < 0 ? -1 : text.IndexOf(WordStart, start + other);
        return next < 0 ? text.Length : next;
    }

    private Symbol[] Merge(string piece)
    {
        if (_wholePieceFirst && TokenToId(piece) is { } whole) return [new(whole, _byteLevel ? piece.Length : Encoding.UTF8.GetByteCount(piece))];

        var symbols = Characters(piece);
        int count = symbols.Count;
        if (count < 2) return [.. symbols];
        // A doubly linked list in two arrays; a merged-away symbol has the id -1.
        var previous = new int[count];
        var next = new int[count];
        var queue = new PriorityQueue<(int At, int Id), (int Rank, int At)>();
        for (int i = 0; i < count; i++) (previous[i], next[i]) = (i - 1, i + 1);
        for (int i = 0; i < count - 1; i++) Offer(i);

        while (queue.TryDequeue(out var merge, out _))
        {
            var (at, id) = merge;
            int right = next[at];
            if (symbols[at].Id < 0 || right == count) continue;
            // Entries go stale as their neighbours merge.
            if (!_merges.TryGetValue((symbols[at].Id, symbols[right].Id), out var now) || now.Id != id) continue;
            symbols[at] = new(id, symbols[at].Length + symbols[right].Length);
            symbols[right] = new(-1, 0);
            next[at] = next[right];
            if (next[at] < count) previous[next[at]] = at;
            if (previous[at] >= 0) Offer(previous[at]);
            if (next[at] < count) Offer(at);
        }
        symbols.RemoveAll(symbol => symbol.Id < 0);
        return [.. symbols];

        void Offer(int at)
        {
            if (_merges.TryGetValue((symbols[at].Id, symbols[next[at]].Id), out var merge)) queue.Enqueue((at, merge.Id), (merge.Rank, at));
        }
    }

    private List<Symbol> Characters(string piece)
    {
        var symbols = new List<Symbol>(piece.Length);
        int unknown = 0;
        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0; i < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece.AsSpan(i), out var rune, out int units);
            var character = piece.AsSpan(i, units);
            i += units;
            int length = _byteLevel ? 1 : rune.Utf8SequenceLength;
            if (_idOf.TryGetValue(character, out int id))
            {
                FlushUnknown();
                symbols.Add(new(id, length));
            }
            else if (_byteIds is not null && !Missing(bytes[..rune.EncodeToUtf8(bytes)]))
            {
                // An unknown character still waiting comes behind these bytes: the original's order.
                foreach (byte value in bytes[..rune.Utf8SequenceLength]) symbols.Add(new(_byteIds[value], 1));
            }
            else if (_unknown is not null)
            {
                if (!_fuseUnknown) FlushUnknown();
                unknown += length;
            }
            else if (symbols.Count > 0) symbols[^1] = symbols[^1] with { Length = symbols[^1].Length + length };
        }
        FlushUnknown();
        return symbols;

        void FlushUnknown()
        {
            if (unknown > 0) symbols.Add(new(_unknown!.Value, unknown));
            unknown = 0;
        }
    }

    private bool Missing(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
            if (_byteIds![value] < 0) return true;
        return false;
    }

    private static bool IsVersion(JsonPart merge) =>
        merge.Element.ValueKind == JsonValueKind.String && merge.AsString().StartsWith("#version", StringComparison.Ordinal);

    private (string Left, string Right) Parts(JsonPart merge)
    {
        if (merge.Element.ValueKind == JsonValueKind.Array)
            return merge.Items().ToArray() is [var first, var second]
                ? (first.AsString(), second.AsString())
                : throw merge.Damaged($"{merge.Where} is not a pair");
        string text = merge.AsString();
        var cuts = Enumerable.Range(0, text.Length).Where(i => text[i] == ' ').ToArray();
        // Tokens may hold spaces themselves: then only one cut may leave three tokens of the vocabulary.
        if (cuts.Length > 1) cuts = [.. cuts.Where(cut => TokenToId(text[..cut]) is not null && TokenToId(text[(cut + 1)..]) is not null && TokenToId(text.Remove(cut, 1)) is not null)];
        return cuts is [int at]
            ? (text[..at], text[(at + 1)..])
            : throw merge.Damaged($"{merge.Where} is \"{text}\", not two tokens with a space between");
    }

    private int Id(string token, JsonPart part) =>
        TokenToId(token) ?? throw part.Damaged($"{part.Where} needs the token \"{token}\", which is not in the vocabulary");
}
