using Sleb.Core.Families;

namespace Sleb.Onnx.Emit;

/// <summary>RoPE in a graph: the cosines and sines of every position, written once when a block first needs them, and who rotates.</summary>
internal sealed class Rotary
{
    private readonly DecoderGraph _decoder;
    private readonly RotaryEmbedding _rope;
    private readonly int _headDim;
    private readonly string _suffix;
    private bool _written;

    /// <param name="suffix">Tells the caches of several ropes in one graph apart.</param>
    public Rotary(DecoderGraph decoder, RotaryEmbedding rope, int headDim, string suffix = "")
    {
        (_decoder, _rope, _headDim, _suffix) = (decoder, rope, headDim, suffix);
        decoder.LimitContext(rope);
    }

    /// <summary>Whether the attention kernel rotates: it works on 16 dimensions at a time. Else nodes of their own do, by position_ids.</summary>
    public bool Fused => _headDim % 16 == 0 && _rope.Dimension % 16 == 0;

    public string Cos => Written("cos_cache" + _suffix);

    public string Sin => Written("sin_cache" + _suffix);

    /// <summary>Rotates queries or keys: (B, S, heads * D) to the same.</summary>
    public string Rotate(string path, string input, int heads) =>
        _decoder.Graph.Node("com.microsoft.RotaryEmbedding", path + "/RotaryEmbedding", [input, "position_ids", Cos, Sin],
            Attributes.Int("interleaved", 0), Attributes.Int("num_heads", heads), Attributes.Int("rotary_embedding_dim", _rope.Dimension == _headDim ? 0 : _rope.Dimension));

    private string Written(string name)
    {
        if (_written) return name;
        _written = true;
        int context = _decoder.ContextLength;
        var (cos, sin) = _rope.Table(context);
        _decoder.Graph.Weight("cos_cache" + _suffix, [context, _rope.Dimension / 2], data => data.Write(cos));
        _decoder.Graph.Weight("sin_cache" + _suffix, [context, _rope.Dimension / 2], data => data.Write(sin));
        return name;
    }
}
