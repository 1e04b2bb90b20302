using Sleb.Torch.Natives;

namespace Sleb.Torch.Families;

/// <summary>softmax(q k^T * scale) v over the keys up to the query's own position (Vaswani et al. 2017).</summary>
/// <remarks>
/// By hand, a chunk of queries at a time against the keys that any of them sees: about half of the square, where libtorch's fused
/// kernel does the whole and knows neither soft caps nor bfloat16 units. Query head h reads key/value head h / group (Ainslie et al.
/// 2023): a group's queries of a token lie beside each other, as if they were more tokens, so that keys and values need not be repeated.
/// Exponentials are computed in float32 and divided by their sum in the end, as in FlashAttention (Dao et al. 2022).
/// </remarks>
internal static class CausalAttention
{
    /// <summary>Queries a chunk: fewer waste less of the square, more make larger products.</summary>
    private const long Chunk = 128;

    /// <summary>Products are of this type where it is set, on this thread, as in torch.autocast; otherwise of the values'.</summary>
    [ThreadStatic]
    public static ScalarType? ProductType;

    /// <summary>(B, nh, T, hs), twice (B, nkv, T, hs) to (B, nh, T, hs), in v's type.</summary>
    /// <param name="scale">Null is 1 / sqrt(hs).</param>
    /// <param name="window">Keys a query sees, itself included; null sees all.</param>
    /// <param name="softCap">Scores become cap * tanh(score / cap); null leaves them.</param>
    public static Tensor Run(Tensor q, Tensor k, Tensor v, double? scale = null, int? window = null, double? softCap = null)
    {
        using var scope = NewDisposeScope();
        long batch = q.shape[0], heads = q.shape[1], length = q.shape[2], size = q.shape[3], keyHeads = k.shape[1], group = heads / keyHeads;
        var (type, result) = (ProductType ?? v.dtype, v.dtype);
        double factor = scale ?? 1 / Math.Sqrt(size), ofExponents = softCap is null ? factor : 1;
        (q, k, v) = (Rows(q, group), Rows(k, 1).transpose(1, 2), Rows(v, 1));
        var y = empty([batch, length, heads, size], float32, v.device); // as the output projection reads it
        for (long start = 0; start < length; start += Chunk)
        {
            using var chunk = NewDisposeScope();
            long count = Math.Min(Chunk, length - start), end = start + count;
            long first = window is { } seen ? Math.Max(0, start - seen + 1) : 0; // the earliest key that the chunk's first query sees
            var scores = q.narrow(1, start * group, count * group).bmm(k.narrow(2, first, end - first)); // (B * nkv, count * group, keys)
            if (softCap is { } cap) scores = scores.to(float32).TimesInPlace(factor / cap).tanh_().TimesInPlace(cap).to(type);
            var sums = Tensors.AreOurs(scores) ? CausalExponentials.InPlace(scores, ofExponents, group, start - first, window) : ExponentialsInPlace(scores, ofExponents, group, start - first, window);
            var weighted = scores.bmm(v.narrow(1, first, end - first));
            if (!HeadOrder.Divide(weighted, sums, group, y, start))
                y.narrow(1, start, count).view(batch, count, keyHeads, group, size).transpose(1, 2)
                    .copy_(weighted.view(batch, keyHeads, count, group, size)).div_(sums.view(batch, keyHeads, count, group, 1));
        }
        return y.to(result).transpose(1, 2).MoveToOuterDisposeScope();

        Tensor Rows(Tensor x, long together) => HeadOrder.Group(x, together, type)
            ?? x.reshape(batch, keyHeads, together, length, size).transpose(2, 3).to(type).reshape(batch * keyHeads, length * together, size);
    }

    /// <summary>The same with the heads side by side, as the output projection reads them: (B, T, nh * hs).</summary>
    public static Tensor Merged(Tensor q, Tensor k, Tensor v, double? scale = null, int? window = null, double? softCap = null) =>
        Run(q, k, v, scale, window, softCap).transpose(1, 2).reshape(q.shape[0], q.shape[2], q.shape[1] * q.shape[3]);

    /// <summary>As <see cref="CausalExponentials.InPlace"/>, with libtorch's operations.</summary>
    internal static Tensor ExponentialsInPlace(Tensor scores, double scale, long group, long ahead, int? window)
    {
        using var scope = NewDisposeScope();
        var all = ones(scores.shape[1] / group, scores.shape[2], dtype: @bool, device: scores.device);
        scores.ForgetInPlace(all.triu(ahead + 1).repeat_interleave(group, dim: 0));
        if (window is { } seen) scores.ForgetInPlace(all.tril(ahead - seen).repeat_interleave(group, dim: 0));
        return scores.sub_(scores.amax([-1], keepdim: true)).TimesInPlace(scale).exp_().sum([-1], type: float32).MoveToOuterDisposeScope();
    }
}
