using System.Numerics;

namespace Sleb.Onnx.Runtime;

/// <summary>Losses from float32 logits, summed in float64.</summary>
internal static class LogSumExp
{
    /// <summary>Negative log-likelihood of <paramref name="id"/> in nats: log(sum(exp(logits))) - logits[id], shifted by the largest so that nothing overflows.</summary>
    public static double Nll(ReadOnlySpan<float> logits, int id)
    {
        float max = float.NegativeInfinity;
        foreach (float logit in logits) max = Math.Max(max, logit); // a NaN stays a NaN
        var sums = Vector<double>.Zero;
        var shift = new Vector<double>(max);
        int i = 0;
        for (; i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(logits[i..]), out var low, out var high);
            sums += Vector.Exp(low - shift) + Vector.Exp(high - shift);
        }
        double sum = Vector.Sum(sums);
        for (; i < logits.Length; i++) sum += Math.Exp((double)logits[i] - max);
        return Math.Log(sum) - ((double)logits[id] - max);
    }
}
