using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.Runtime;

/// <summary>Picks the next id from the logits of one position.</summary>
internal sealed class TokenSampler(GenerationOptions options)
{
    private readonly Random _random = options.Seed is { } seed ? new Random(seed) : new Random();

    public int Pick(ReadOnlySpan<float> logits)
    {
        CheckFinite(logits);
        return options.Sample ? Draw(logits) : ArgMax(logits);
    }

    public static void CheckFinite(ReadOnlySpan<float> logits)
    {
        if (FloatConversion.HasNonFinite(logits)) throw new InvalidDataException("The model gives logits that are not finite numbers, so no token can be picked from them.");
    }

    /// <summary>The largest logit, the first of equals.</summary>
    public static int ArgMax(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best]) best = i;
        return best;
    }

    /// <summary>Temperature, then top-k, then top-p (Holtzman et al. 2020), in transformers' order.</summary>
    private int Draw(ReadOnlySpan<float> logits)
    {
        int[] ids = new int[logits.Length];
        double[] keys = new double[logits.Length];
        for (int i = 0; i < ids.Length; i++) (ids[i], keys[i]) = (i, -(double)logits[i]);
        Array.Sort(keys, ids); // most likely first
        int count = options.TopK == 0 ? ids.Length : Math.Min(options.TopK, ids.Length);
        double[] weights = new double[count];
        double total = 0, kept = 0;
        for (int i = 0; i < count; i++) total += weights[i] = Math.Exp((keys[0] - keys[i]) / options.Temperature);
        int nucleus = 0;
        while (nucleus < count && kept < options.TopP * total) kept += weights[nucleus++];
        double point = _random.NextDouble() * kept;
        for (int i = 0; i < nucleus; i++)
            if ((point -= weights[i]) < 0) return ids[i];
        return ids[nucleus - 1];
    }
}
