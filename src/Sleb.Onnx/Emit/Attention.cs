using Sleb.Core.Families;

namespace Sleb.Onnx.Emit;

/// <summary>Attention with all that may stand between it and the projections: head norms, and a rotation inside the kernel, before it or not at all.</summary>
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

    public static (string Query, string Key, string Value) Split(DecoderGraph decoder, string path, string packed) =>
        decoder.SplitHeads(path, packed, Shape(decoder.Config));

    /// <summary>An RMSNorm of each head by itself: (B, S, heads * hs) to the same.</summary>
    public static string HeadNorm(DecoderGraph decoder, string path, string input, string tensor, int heads, double epsilon, bool onePlus = false)
    {
        int headDim = decoder.Config.HeadDim;
        string apart = decoder.Graph.Node("Reshape", path + "/Reshape_1", [input, decoder.Graph.Constant(0, -1, headDim)]); // (B, S * heads, hs)
        string normed = decoder.RmsNorm(path, apart, tensor, epsilon, headDim, onePlus);
        return decoder.Graph.Node("Reshape", path + "/Reshape_2", [normed, decoder.Graph.Constant(0, -1, heads * headDim)]);
    }

    private static string Kernel(DecoderGraph decoder, int position, string path, string query, string key, string value,
        Rotary? rotary, double scale, int? window, double? softCap)
    {
        AttentionNodes.CheckHeadDim(decoder.Config.HeadDim);
        bool fused = rotary is { Fused: true };
        return decoder.Attention(position, path, query, key, value, Shape(decoder.Config), fused, scale, window, softCap ?? 0, fused ? rotary!.Caches() : "");
    }

    private static AttentionShape Shape(ModelConfig config) => new(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
}
