using Sleb.Core.Families;

namespace Sleb.Onnx.Emit;

/// <summary>A RoPE in a graph that may have several, or blocks without: its caches are written when a block first needs them.</summary>
internal sealed class Rotary
{
    private readonly DecoderGraph _decoder;
    private readonly RotaryEmbedding _rope;
    private readonly int _headDim;
    private readonly string _caches;
    private bool _written;

    /// <param name="caches">A suffix that tells the caches from others in the graph.</param>
    public Rotary(DecoderGraph decoder, RotaryEmbedding rope, int headDim, string caches = "")
    {
        (_decoder, _rope, _headDim, _caches) = (decoder, rope, headDim, caches);
        decoder.LimitContext(rope);
    }

    /// <summary>Whether the attention kernel rotates; else nodes of their own do, by position_ids.</summary>
    public bool Fused => AttentionNodes.CanFuseRotary(_headDim, _rope.Dimension);

    /// <summary>Rotates queries or keys: (B, S, heads * hs) to the same.</summary>
    public string Rotate(string path, string input, int heads) => _decoder.Rotate(path, input, heads, _headDim, _rope.Dimension, Caches());

    /// <summary>The caches' suffix, once they are there.</summary>
    public string Caches()
    {
        if (!_written) _decoder.RotaryCache(_rope, _caches);
        _written = true;
        return _caches;
    }
}
