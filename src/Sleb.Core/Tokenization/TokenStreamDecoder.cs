using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>Turns ids into text one at a time: what it gives, joined, is what <see cref="HuggingFaceTokenizer.Decode(IEnumerable{int}, bool)"/> gives for all of them.</summary>
/// <remarks>Bytes of an unfinished character are held back until it is complete. Not safe for use from many threads.</remarks>
public sealed class TokenStreamDecoder
{
    private readonly StringBuilder _ready = new();
    private readonly Action<string?> _take;
    private readonly Func<int, string?> _tokenOf;

    internal TokenStreamDecoder(DecoderStep decoder, Func<int, string?> tokenOf)
    {
        _take = decoder(text => _ready.Append(text));
        _tokenOf = tokenOf;
    }

    /// <summary>Takes an id and gives the text that is certain by now, which may be empty.</summary>
    public string Append(int id)
    {
        if (_tokenOf(id) is { } token) _take(token);
        return Ready();
    }

    /// <summary>Ends the sequence and gives the text held back.</summary>
    public string Finish()
    {
        _take(null);
        return Ready();
    }

    private string Ready()
    {
        string text = _ready.ToString();
        _ready.Clear();
        return text;
    }
}
