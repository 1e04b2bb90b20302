using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.Emit;

/// <summary>The attention kernel with its KV cache, between a block's projections.</summary>
internal static class Attention
{
    /// <summary>Queries, keys and values packed side by side, (B, S, (nh + 2 nkv) * hs), to (B, S, nh * hs).</summary>
    public static string Packed(DecoderGraph decoder, int position, string path, string packed, Rotary? rotary, double scale, int? window, double? softCap = null)
    {
        if (rotary is null or { Fused: true }) return Kernel(decoder, position, path, packed, "", "", rotary, scale, window, softCap);
        var (query, key, value) = Split(decoder, path, packed);
        return Separate(decoder, position, path, query, key, value, rotary, scale, window, softCap);
    }

    /// <summary>Queries (B, S, nh * hs), keys and values (B, S, nkv * hs) to (B, S, nh * hs).</summary>
    public static string Separate(DecoderGraph decoder, int position, string path, string query, string key, string value,
        Rotary? rotary, double scale, int? window, double? softCap = null)
    {
        if (rotary is { Fused: false })
        {
            query = rotary.Rotate(path + "/q_rotary", query, decoder.Config.NumAttentionHeads);
            key = rotary.Rotate(path + "/k_rotary", key, decoder.Config.NumKeyValueHeads);
        }
        return Kernel(decoder, position, path, query, key, value, rotary, scale, window, softCap);
    }

    public static (string Query, string Key, string Value) Split(DecoderGraph decoder, string path, string packed)
    {
        int queries = decoder.Config.NumAttentionHeads * decoder.Config.HeadDim, keys = decoder.Config.NumKeyValueHeads * decoder.Config.HeadDim;
        string name = path + "/qkv_proj/Split";
        (string, string, string) parts = (name + "/output_0", name + "/output_1", name + "/output_2");
        decoder.Graph.Node("Split", name, [packed, decoder.Graph.Constant(queries, keys, keys)],
            (ReadOnlySpan<string>)[parts.Item1, parts.Item2, parts.Item3], Attributes.Int("axis", -1));
        return parts;
    }

    /// <summary>An RMSNorm of each head by itself: (B, S, heads * hs) to the same.</summary>
    public static string HeadNorm(DecoderGraph decoder, string path, string input, string tensor, double epsilon, bool onePlus = false)
    {
        int headDim = decoder.Config.HeadDim;
        string heads = decoder.Graph.Node("Reshape", path + "/Reshape_1", [input, decoder.Graph.Constant(0, -1, headDim)]); // (B, S * heads, hs)
        string normed = decoder.RmsNorm(path, heads, tensor, epsilon, headDim, onePlus);
        int width = headDim * (tensor.EndsWith("q_norm.weight", StringComparison.Ordinal) ? decoder.Config.NumAttentionHeads : decoder.Config.NumKeyValueHeads);
        return decoder.Graph.Node("Reshape", path + "/Reshape_2", [normed, decoder.Graph.Constant(0, -1, width)]);
    }

    private static string Kernel(DecoderGraph decoder, int position, string path, string query, string key, string value,
        Rotary? rotary, double scale, int? window, double? softCap)
    {
        var config = decoder.Config;
        if (config.HeadDim % 8 != 0)
            throw new CheckpointException($"config.json gives heads of {config.HeadDim} dimensions; ONNX Runtime's attention needs a multiple of 8, so this model cannot be written as ONNX.");
        bool fused = rotary is { Fused: true };
        string attended = path + "/GroupQueryAttention/output_0";
        decoder.Graph.Node("com.microsoft.GroupQueryAttention", path + "/GroupQueryAttention",
            [query, key, value, DecoderGraph.PastName(position, "key"), DecoderGraph.PastName(position, "value"),
                decoder.SequenceLengths, decoder.TotalLength, fused ? rotary!.Cos : "", fused ? rotary!.Sin : ""],
            (ReadOnlySpan<string>)[attended, DecoderGraph.PresentName(position, "key"), DecoderGraph.PresentName(position, "value")],
            Attributes.Int("num_heads", config.NumAttentionHeads), Attributes.Int("kv_num_heads", config.NumKeyValueHeads),
            Attributes.Float("scale", (float)scale), Attributes.Int("local_window_size", window ?? -1),
            Attributes.Float("softcap", (float)(softCap ?? 0)), Attributes.Int("do_rotary", fused ? 1 : 0), Attributes.Int("rotary_interleaved", 0));
        return attended;
    }
}
