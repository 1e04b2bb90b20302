namespace Sleb.Core.Tokenization;

/// <summary>The <c>model</c> of a tokenizer.json: a vocabulary, and how a piece of text becomes its tokens.</summary>
internal abstract class TokenModel
{
    /// <param name="part">The <c>model</c>.</param>
    /// <param name="byteLevel">Whether each character of a piece stands for one byte of the text.</param>
    public static TokenModel Read(JsonPart part, bool byteLevel) => part["type"].IsNull ? new BytePairModel(part, byteLevel) : part.Type switch
    {
        "BPE" => new BytePairModel(part, byteLevel),
        "Unigram" => new UnigramModel(part, byteLevel),
        string other => throw part.Unsupported($"the model {other}", "BPE, Unigram"),
    };

    public abstract IEnumerable<int> Ids { get; }

    /// <summary>The first id that added tokens may have.</summary>
    public abstract int Count { get; }

    public abstract int? TokenToId(string token);

    public abstract string? IdToToken(int id);

    public abstract void Tokenize(string piece, List<Symbol> symbols);

    /// <summary>The ids of <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>, -1 where the vocabulary lacks one.</summary>
    protected int[] ByteIds() => [.. Enumerable.Range(0, 256).Select(value => TokenToId($"<0x{value:X2}>") ?? -1)];
}
