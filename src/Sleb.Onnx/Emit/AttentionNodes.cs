using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Onnx.Emit;

/// <summary>Attention over the KV cache and the rotations before it.</summary>
internal static class AttentionNodes
{
    /// <summary>The kernel's own rotation works on 16 dimensions at a time; heads of another size are rotated by nodes of their own.</summary>
    /// <param name="rotated">How many of the head's dimensions are rotated.</param>
    public static bool CanFuseRotary(int headDim, int rotated) => headDim % 16 == 0 && rotated % 16 == 0;

    /// <exception cref="CheckpointException">The kernel cannot run heads of this size.</exception>
    public static void CheckHeadDim(int headDim)
    {
        if (headDim % 8 != 0)
            throw new CheckpointException($"config.json gives heads of {headDim} dimensions; ONNX Runtime's attention needs a multiple of 8, so this model cannot be written as ONNX.");
    }

    /// <summary>Causal attention: (B, S, Hq * D).</summary>
    /// <param name="position">The block's place among the survivors, which numbers its cache.</param>
    /// <param name="query">All of queries, keys and values side by side where <paramref name="key"/> and <paramref name="value"/> are empty.</param>
    /// <param name="scale">Factor on the products of queries and keys; null is 1 / sqrt(D).</param>
    /// <param name="window">Keys a query sees, itself included; null sees all.</param>
    /// <param name="softcap">Products are squashed to ±softcap by tanh; 0 leaves them.</param>
    /// <param name="caches">The suffix of those caches, where a graph has several.</param>
    /// <param name="rotary">Whether the kernel rotates queries and keys itself, by the caches of <see cref="RotaryCache"/>.</param>
    public static string Attention(this DecoderGraph decoder, int position, string path, string query, string key, string value,
        AttentionShape shape, bool rotary, double? scale = null, int? window = null, double softcap = 0, string caches = "")
    {
        string attended = path + "/GroupQueryAttention/output_0";
        decoder.Graph.Node("com.microsoft.GroupQueryAttention", path + "/GroupQueryAttention",
            [query, key, value, DecoderGraph.PastName(position, "key"), DecoderGraph.PastName(position, "value"),
                decoder.SequenceLengths, decoder.TotalLength, rotary ? "cos_cache" + caches : "", rotary ? "sin_cache" + caches : ""],
            (ReadOnlySpan<string>)[attended, DecoderGraph.PresentName(position, "key"), DecoderGraph.PresentName(position, "value")],
            Attributes.Int("num_heads", shape.Heads), Attributes.Int("kv_num_heads", shape.KeyValueHeads),
            Attributes.Float("scale", (float)(scale ?? 1 / Math.Sqrt(shape.HeadDim))), Attributes.Int("local_window_size", window ?? -1),
            Attributes.Float("softcap", (float)softcap), Attributes.Int("do_rotary", rotary ? 1 : 0), Attributes.Int("rotary_interleaved", 0));
        return attended;
    }

    /// <summary>Queries, keys and values that lie side by side, apart.</summary>
    public static (string Query, string Key, string Value) SplitHeads(this DecoderGraph decoder, string path, string packed, AttentionShape shape)
    {
        string split = path + "/qkv_proj/Split", query = split + "/output_0", key = split + "/output_1", value = split + "/output_2";
        decoder.Graph.Node("Split", split, [packed, decoder.Graph.Constant(shape.Queries, shape.Keys, shape.Keys)],
            (ReadOnlySpan<string>)[query, key, value], Attributes.Int("axis", -1));
        return (query, key, value);
    }

    /// <summary>Rotates the first dimensions of every head, as many as the caches are made for: (B, S, heads * D) to the same.</summary>
    public static string Rotate(this DecoderGraph decoder, string path, string input, int heads, int headDim, int rotated, string caches = "") =>
        decoder.Graph.Node("com.microsoft.RotaryEmbedding", path + "/RotaryEmbedding", [input, "position_ids", "cos_cache" + caches, "sin_cache" + caches],
            rotated == headDim
                ? (ReadOnlySpan<Protos.AttributeProto>)[Attributes.Int("interleaved", 0), Attributes.Int("num_heads", heads)]
                : [Attributes.Int("interleaved", 0), Attributes.Int("num_heads", heads), Attributes.Int("rotary_embedding_dim", rotated)]);

    /// <summary>Cosines and sines of every position of the context, scaling baked in, shared by all blocks.</summary>
    /// <param name="caches">A suffix that tells this pair from others in the graph.</param>
    public static void RotaryCache(this DecoderGraph decoder, RotaryEmbedding rotary, string caches = "")
    {
        decoder.LimitContext(rotary);
        int context = decoder.ContextLength;
        var (cos, sin) = rotary.Table(context);
        decoder.Graph.Weight("cos_cache" + caches, [context, rotary.Dimension / 2], data => data.Write(cos));
        decoder.Graph.Weight("sin_cache" + caches, [context, rotary.Dimension / 2], data => data.Write(sin));
    }
}
