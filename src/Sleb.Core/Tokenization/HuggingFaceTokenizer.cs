using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>The tokenizer of a Hugging Face model: the ids and the text are exactly those of Hugging Face's own library.</summary>
/// <remarks>
/// Reads <c>tokenizer.json</c>, else <c>tokenizer.model</c> (SentencePiece), else <c>vocab.json</c> with
/// <c>merges.txt</c>. What cannot be reproduced exactly is refused by name with a <see cref="CheckpointException"/>.
/// <see cref="Encode"/> adds the special tokens of the file's post-processor when asked; the methods of the base class never do, since
/// theirs have no place in the text. Safe for use from many threads.
/// </remarks>
public sealed class HuggingFaceTokenizer : Tokenizer
{
    private readonly TokenModel _model;
    private readonly AddedTokens _added;
    private readonly Func<string, string> _normalize;
    private readonly List<PreTokenizerStep> _preTokenizer;
    private readonly PostProcessor _postProcessor;
    private readonly DecoderStep _decoder;
    private readonly bool _byteLevel;

    private HuggingFaceTokenizer(JsonPart file)
    {
        _normalize = NormalizerReader.Read(file["normalizer"]);
        _preTokenizer = PreTokenizerReader.Read(file["pre_tokenizer"]);
        if (_preTokenizer is [MetaspaceStep { FindsTheBeginning: true }, ..] && !NormalizerReader.KeepsTheBeginning(file["normalizer"]))
            throw file["pre_tokenizer"].Unsupported("Metaspace with prepend_scheme first behind a normalizer that may move the beginning", "no normalizer, NFC, or Replace of one character by another");
        _byteLevel = _preTokenizer.OfType<ByteLevelStep>().Any();
        _model = TokenModel.Read(file["model"], _byteLevel);
        _added = new AddedTokens(file["added_tokens"], _model, _normalize);
        _postProcessor = PostProcessor.Read(file["post_processor"]);
        _decoder = DecoderReader.Read(file["decoder"]);
        SpecialTokens = _added.All.Where(token => token.Special).ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        VocabularySize = _model.Ids.Union(_added.All.Select(token => token.Id)).Count();
    }

    /// <summary>How many tokens there are, added ones included.</summary>
    public int VocabularySize { get; }

    /// <summary>The special tokens and their ids.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>Whether a model folder has a tokenizer; a model without one works on ids.</summary>
    public static bool Exists(string folder) => TokenizerSource.Exists(folder);

    /// <summary>Reads the tokenizer of a model folder.</summary>
    /// <param name="folder">The folder that holds the tokenizer's files.</param>
    /// <exception cref="CheckpointException">A file is missing, damaged, or asks for something that cannot be reproduced exactly.</exception>
    public static HuggingFaceTokenizer Load(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return TokenizerSource.Read(folder, file => new HuggingFaceTokenizer(file));
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">The text; a lone surrogate counts as U+FFFD.</param>
    /// <param name="addSpecialTokens">Whether to add what the tokenizer's post-processor puts around a text, such as a beginning-of-sequence token.</param>
    public int[] Encode(string text, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = Ids(text);
        return addSpecialTokens ? [.. _postProcessor.Before, .. ids, .. _postProcessor.After] : [.. ids];
    }

    /// <summary>The ids of a text that goes on: with the special tokens that begin a text, without those that end it.</summary>
    internal int[] EncodeBeginning(string text) => [.. _postProcessor.Before, .. Ids(text)];

    /// <summary>The text of ids; ids that are no token's are left out.</summary>
    public override string Decode(IEnumerable<int> ids) => Decode(ids, skipSpecialTokens: false);

    /// <summary>The text of ids; ids that are no token's are left out.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Whether to leave special tokens out as well.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var decoder = CreateStreamDecoder(skipSpecialTokens);
        var text = new StringBuilder();
        foreach (int id in ids) text.Append(decoder.Append(id));
        return text.Append(decoder.Finish()).ToString();
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var decoder = CreateStreamDecoder();
        (idsConsumed, charsWritten) = (0, 0);
        int taken = 0;
        foreach (int id in ids)
        {
            taken++;
            string text = decoder.Append(id);
            if (text.Length == 0) continue;
            if (!text.TryCopyTo(destination[charsWritten..])) return OperationStatus.DestinationTooSmall;
            (idsConsumed, charsWritten) = (taken, charsWritten + text.Length);
        }
        string rest = decoder.Finish();
        if (!rest.TryCopyTo(destination[charsWritten..])) return OperationStatus.DestinationTooSmall;
        (idsConsumed, charsWritten) = (taken, charsWritten + rest.Length);
        return OperationStatus.Done;
    }

    /// <summary>A decoder that takes ids one at a time and gives text as soon as it is certain.</summary>
    /// <param name="skipSpecialTokens">Whether to leave special tokens out.</param>
    public TokenStreamDecoder CreateStreamDecoder(bool skipSpecialTokens = false) =>
        new(_decoder, id => _added.ById(id) is { } added ? added.Special && skipSpecialTokens ? null : added.Content : _model.IdToToken(id));

    /// <summary>The id of a token, or null where there is no such token.</summary>
    public int? TokenToId(string token) => _added.ByContent(token)?.Id ?? _model.TokenToId(token);

    /// <summary>The token of an id as it stands in the vocabulary, or null where there is no such id.</summary>
    public string? IdToToken(int id) => _added.ById(id)?.Content ?? _model.IdToToken(id);

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var symbols = new List<Symbol>();
        var bytes = new List<byte>();
        foreach (var (piece, token) in Pieces(text ?? textSpan.ToString(), settings.ConsiderNormalization, settings.ConsiderPreTokenization))
        {
            var stretch = _byteLevel && token is null ? ByteAlphabet.Decode(piece) : Encoding.UTF8.GetBytes(piece);
            bytes.AddRange(stretch);
            if (token is not null) symbols.Add(new(token.Id, stretch.Length));
            else _model.Tokenize(piece, symbols);
        }
        var characterAt = CharacterAt(bytes);
        var tokens = new List<EncodedToken>(Math.Min(symbols.Count, settings.MaxTokenCount));
        int at = 0;
        foreach (var symbol in symbols.Take(settings.MaxTokenCount))
        {
            int end = Math.Min(at + symbol.Length, bytes.Count);
            tokens.Add(new EncodedToken(symbol.Id, IdToToken(symbol.Id)!, new Range(characterAt[at], characterAt[end])));
            at = end;
        }
        return new() { Tokens = tokens, NormalizedText = Encoding.UTF8.GetString([.. bytes]), CharsConsumed = characterAt[at] };
    }

    /// <summary>For each byte position, how many UTF-16 units are complete before it: a token that ends within a character does not have it.</summary>
    private static int[] CharacterAt(List<byte> bytes)
    {
        var characterAt = new int[bytes.Count + 1];
        int units = 0;
        for (int i = 0; i < bytes.Count; i++)
        {
            int length = bytes[i] switch { < 0x80 => 1, < 0xE0 => 2, < 0xF0 => 3, _ => 4 };
            for (int j = 1; j < length; j++) characterAt[i + j] = units;
            units += length == 4 ? 2 : 1;
            i += length - 1;
            characterAt[i + 1] = units;
        }
        return characterAt;
    }

    private IEnumerable<int> Ids(string text)
    {
        var symbols = new List<Symbol>(text.Length / 3);
        foreach (var (piece, token) in Pieces(text, normalize: true, preTokenize: true))
        {
            if (token is not null) symbols.Add(new(token.Id, 0));
            else _model.Tokenize(piece, symbols);
        }
        return symbols.Select(symbol => symbol.Id);
    }

    /// <summary>The text as the model sees it: added tokens, and pieces between them.</summary>
    private IEnumerable<(string Text, AddedToken? Token)> Pieces(string text, bool normalize, bool preTokenize)
    {
        text = WellFormed(text);
        foreach (var (start, end, token) in _added.Verbatim.Split(text))
        {
            string segment = text[start..end];
            if (token is not null)
            {
                yield return (segment, token);
                continue;
            }
            if (normalize) segment = _normalize(segment);
            foreach (var (from, to, normalizedToken) in _added.Normalized.Split(segment))
            {
                if (normalizedToken is not null) yield return (segment[from..to], normalizedToken);
                else foreach (var piece in PreTokenize(new(segment[from..to], start == 0 && from == 0), preTokenize)) yield return (piece.Text, null);
            }
        }
    }

    private List<Piece> PreTokenize(Piece piece, bool cut)
    {
        List<Piece> pieces = [piece];
        if (!cut) return _byteLevel ? [piece with { Text = ByteAlphabet.Encode(piece.Text) }] : pieces;
        foreach (var step in _preTokenizer)
        {
            var smaller = new List<Piece>(pieces.Count);
            foreach (var each in pieces) step.Split(each, smaller);
            pieces = smaller;
        }
        return pieces;
    }

    private static string WellFormed(string text)
    {
        for (int i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            // Encoding replaces every lone surrogate by U+FFFD.
            if (!char.IsSurrogatePair(text, i)) return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            i++;
        }
        return text;
    }
}
