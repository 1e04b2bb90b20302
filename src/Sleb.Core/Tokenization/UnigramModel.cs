using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>SentencePiece's Unigram: of all ways to cut a piece into tokens, the one with the best sum of scores (Viterbi).</summary>
internal sealed class UnigramModel : TokenModel
{
    // How much worse than the worst token an unknown character is: SentencePiece's constant.
    private const double UnknownPenalty = 10;

    private readonly List<(string Token, double Score)> _vocabulary = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idOf;
    private readonly Dictionary<(int Node, char Next), int> _children = [];
    private readonly List<int> _idAt = [-1];
    private readonly int _unknown;
    private readonly double _unknownScore;
    private readonly int[]? _byteIds;
    private readonly bool _byteLevel;
    private readonly PieceCache _cache;

    public UnigramModel(JsonPart part, bool byteLevel)
    {
        _byteLevel = byteLevel;
        _cache = new(Cut);
        _idOf = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var item in part["vocab"].Items())
        {
            if (item.Items().ToArray() is not [var token, var score]) throw item.Damaged($"{item.Where} is not a token with its score");
            Add(token.AsString(), score.AsNumber());
        }
        if (part["unk_id"].IsNull) throw part.Unsupported("no unk_id", "a token for the unknown");
        _unknown = part["unk_id"].AsInteger();
        if (_unknown >= _vocabulary.Count) throw part.Damaged($"{part["unk_id"].Where} is {_unknown}, but there are {_vocabulary.Count} tokens");
        _unknownScore = _vocabulary.Min(token => token.Score) - UnknownPenalty;
        if (part.Flag("byte_fallback")) _byteIds = ByteIds();
    }

    public override IEnumerable<int> Ids => Enumerable.Range(0, _vocabulary.Count);

    public override int Count => _vocabulary.Count;

    public override int? TokenToId(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    public override string? IdToToken(int id) => id >= 0 && id < _vocabulary.Count ? _vocabulary[id].Token : null;

    public override void Tokenize(string piece, List<Symbol> symbols) => symbols.AddRange(_cache.Get(piece));

    private void Add(string token, double score)
    {
        // Of equal tokens the last is found, as in the original.
        _ids[token] = _vocabulary.Count;
        int node = 0;
        foreach (char next in token)
        {
            if (!_children.TryGetValue((node, next), out int child))
            {
                _children[(node, next)] = child = _idAt.Count;
                _idAt.Add(-1);
            }
            node = child;
        }
        _idAt[node] = _vocabulary.Count;
        _vocabulary.Add((token, score));
    }

    private Symbol[] Cut(string piece)
    {
        var best = Best(piece);
        var symbols = new List<Symbol>();
        for (int end = piece.Length, start; end > 0; end = start)
        {
            start = best[end].Start;
            // Neighbours that are unknown count as one; they may spell a token together.
            if (best[end].Id == _unknown)
                while (start > 0 && best[start].Id == _unknown) start = best[start].Start;
            AddBackwards(piece.AsSpan(start, end - start), symbols);
        }
        symbols.Reverse();
        return [.. symbols];
    }

    /// <summary>For each position the last token of the best way to it, and where that token starts.</summary>
    private (double Score, int Start, int Id)[] Best(string piece)
    {
        var best = new (double Score, int Start, int Id)[piece.Length + 1];
        Array.Fill(best, (0, -1, 0), 1, piece.Length);
        for (int start = 0, width; start < piece.Length; start += width)
        {
            width = char.IsHighSurrogate(piece[start]) ? 2 : 1;
            bool single = false;
            for (int end = start, node = 0; end < piece.Length && _children.TryGetValue((node, piece[end]), out node);)
            {
                end++;
                if (_idAt[node] < 0) continue;
                Offer(end, best[start].Score + _vocabulary[_idAt[node]].Score, _idAt[node]);
                single |= end - start == width;
            }
            if (!single) Offer(start + width, best[start].Score + _unknownScore, _unknown);

            void Offer(int end, double score, int id)
            {
                if (best[end].Start < 0 || score > best[end].Score) best[end] = (score, start, id);
            }
        }
        return best;
    }

    private void AddBackwards(ReadOnlySpan<char> text, List<Symbol> symbols)
    {
        int length = _byteLevel ? text.Length : Encoding.UTF8.GetByteCount(text);
        if (_idOf.TryGetValue(text, out int id))
        {
            symbols.Add(new(id, length));
            return;
        }
        byte[] bytes = _byteIds is null ? [] : Encoding.UTF8.GetBytes(text.ToString());
        if (_byteIds is null || Array.Exists(bytes, value => _byteIds[value] < 0)) symbols.Add(new(_unknown, length));
        else foreach (byte value in bytes.Reverse()) symbols.Add(new(_byteIds[value], 1));
    }
}
