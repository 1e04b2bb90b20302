using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>softmax(q k^T * scale) v over the keys up to the query's own position (Vaswani et al. 2017).</summary>
internal static class CausalAttention
{
    /// <summary>(B, nh, T, hs), twice (B, nkv, T, hs) to (B, nh, T, hs).</summary>
    /// <param name="scale">Null is 1 / sqrt(hs).</param>
    /// <param name="window">Keys a query sees, itself included; null sees all.</param>
    public static Tensor Run(Tensor q, Tensor k, Tensor v, double? scale = null, int? window = null)
    {
        long length = q.shape[2], groups = q.shape[1] / k.shape[1];
        if (groups > 1) // query head h reads key/value head h / (heads per group)
            (k, v) = (k.repeat_interleave(groups, dim: 1), v.repeat_interleave(groups, dim: 1));
        if (scale is { } factor) q = q * (factor * Math.Sqrt(q.shape[3])); // the function below divides by sqrt(hs)
        if (window is not { } keys || length <= keys) return F.scaled_dot_product_attention(q, k, v, is_casual: true);
        // A query sees itself and the window - 1 keys before it.
        var mask = ones(length, length, dtype: @bool, device: q.device).tril().logical_and(ones(length, length, dtype: @bool, device: q.device).triu(1 - keys));
        return F.scaled_dot_product_attention(q, k, v, mask);
    }
}
