using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>softmax(q k^T * scale) v over the keys up to the query's own position (Vaswani et al. 2017).</summary>
internal static class CausalAttention
{
    /// <summary>(B, nh, T, hs), twice (B, nkv, T, hs) to (B, nh, T, hs).</summary>
    /// <param name="scale">Null is 1 / sqrt(hs).</param>
    /// <param name="window">Keys a query sees, itself included; null sees all.</param>
    /// <param name="softCap">Scores become cap * tanh(score / cap); null leaves them.</param>
    public static Tensor Run(Tensor q, Tensor k, Tensor v, double? scale = null, int? window = null, double? softCap = null)
    {
        long length = q.shape[2], groups = q.shape[1] / k.shape[1];
        double size = q.shape[3];
        if (groups > 1) // query head h reads key/value head h / (heads per group)
            (k, v) = (k.repeat_interleave(groups, dim: 1), v.repeat_interleave(groups, dim: 1));
        if (softCap is { } cap)
        {
            var scores = (q.matmul(k.transpose(2, 3)) * ((scale ?? 1 / Math.Sqrt(size)) / cap)).tanh() * cap; // (B, nh, T, T)
            return scores.masked_fill(Seen(length, window ?? length, q.device).logical_not(), double.NegativeInfinity).softmax(-1).matmul(v);
        }
        if (scale is { } factor) q = q * (factor * Math.Sqrt(size)); // the function below divides by sqrt(hs)
        return window is { } keys && length > keys
            ? F.scaled_dot_product_attention(q, k, v, Seen(length, keys, q.device))
            : F.scaled_dot_product_attention(q, k, v, is_casual: true);
    }

    /// <summary>The same with the heads side by side, as the output projection reads them: (B, T, nh * hs).</summary>
    public static Tensor Merged(Tensor q, Tensor k, Tensor v, double? scale = null, int? window = null, double? softCap = null) =>
        Run(q, k, v, scale, window, softCap).transpose(1, 2).reshape(q.shape[0], q.shape[2], q.shape[1] * q.shape[3]);

    /// <summary>A query sees itself and the window - 1 keys before it: (T, T).</summary>
    private static Tensor Seen(long length, long window, Device device)
    {
        using var all = ones(length, length, dtype: @bool, device: device);
        return all.tril().logical_and(all.triu(1 - window));
    }
}
