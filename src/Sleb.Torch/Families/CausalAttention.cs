using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>softmax(scale q k^T) v over the keys that a query may see: itself and those before it, or the window's last of them.</summary>
internal static class CausalAttention
{
    /// <summary>q (B, nh, T, hs), k and v (B, nkv, T, hs) to (B, T, nh * hs).</summary>
    /// <param name="scale">1/sqrt(hs) where null.</param>
    /// <param name="window">Keys a query sees, itself included; all where null.</param>
    /// <param name="softCap">Scores become cap * tanh(score / cap) (Gemma 2).</param>
    public static Tensor Forward(Tensor q, Tensor k, Tensor v, double? scale = null, int? window = null, double? softCap = null)
    {
        long batch = q.shape[0], heads = q.shape[1], length = q.shape[2], size = q.shape[3], shared = k.shape[1];
        // Query head h reads key/value head h / (heads per group).
        if (shared < heads) (k, v) = (k.repeat_interleave(heads / shared, dim: 1), v.repeat_interleave(heads / shared, dim: 1));
        Tensor y; // (B, nh, T, hs)
        if (softCap is { } cap)
        {
            var scores = (q.matmul(k.transpose(2, 3)) * ((scale ?? 1 / Math.Sqrt(size)) / cap)).tanh() * cap; // (B, nh, T, T)
            y = scores.masked_fill(Mask(length, window ?? length, q.device).logical_not(), double.NegativeInfinity).softmax(-1).matmul(v);
        }
        else
        {
            if (scale is { } own) q = q * (own * Math.Sqrt(size)); // the fused kernel has 1/sqrt(hs) in it
            y = window is { } seen && seen < length
                ? F.scaled_dot_product_attention(q, k, v, Mask(length, seen, q.device))
                : F.scaled_dot_product_attention(q, k, v, is_casual: true);
        }
        return y.transpose(1, 2).reshape(batch, length, heads * size);
    }

    /// <summary>True where the query of a row sees the key of a column: (T, T).</summary>
    private static Tensor Mask(long length, long window, Device device)
    {
        using var all = ones(length, length, dtype: @bool, device: device);
        return all.tril().logical_and(all.triu(1 - window));
    }
}
