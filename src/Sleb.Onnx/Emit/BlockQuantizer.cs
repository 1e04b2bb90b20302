namespace Sleb.Onnx.Emit;

/// <summary>A block of weights as whole levels: w = (level - zero) * scale.</summary>
internal static class BlockQuantizer
{
    /// <summary>Tried on each side of the plain scale, in steps of a tenth of a level.</summary>
    private const int Candidates = 9;

    /// <param name="zeroPoints">The zero is free; else it is the middle level.</param>
    /// <param name="search">Least squared error; else round to nearest by the block's range, as ONNX Runtime's own quantizer does.</param>
    public static (float Scale, int Zero) Quantize(ReadOnlySpan<float> weights, Span<byte> levels, int bits, bool zeroPoints, bool search)
    {
        int top = (1 << bits) - 1, middle = 1 << (bits - 1);
        float low = float.MaxValue, high = float.MinValue;
        foreach (float weight in weights) (low, high) = (Math.Min(low, weight), Math.Max(high, weight));
        if (zeroPoints) (low, high) = (Math.Min(low, 0), Math.Max(high, 0));
        float extreme = Math.Abs(high) > Math.Abs(low) ? high : low;
        float scale = zeroPoints ? (high - low) / top : extreme / -middle;
        int zero = !zeroPoints ? middle : scale == 0 ? 0 : Math.Clamp((int)MathF.Round(-low / scale, MidpointRounding.AwayFromZero), 0, top);
        if (!search || scale == 0 || bits == 8) // of 256 levels the plain scale loses nothing worth a search
        {
            Assign(weights, levels, scale == 0 ? 0 : 1 / scale, zero, top);
            return (scale, zero);
        }

        var best = (Error: double.PositiveInfinity, Scale: scale, Zero: zero, Inverse: 0f);
        Span<byte> trial = stackalloc byte[weights.Length];
        for (int step = -Candidates; step <= Candidates; step++)
        {
            if (zeroPoints)
            {
                float inverse = (top + step * 0.1f) / (high - low);
                Try(weights, trial, inverse, Math.Clamp((int)MathF.Round(-low * inverse, MidpointRounding.AwayFromZero), 0, top), top, ref best);
                continue;
            }
            // The largest weight on the lowest level, of which there is one more, or on the highest.
            Try(weights, trial, (-middle - step * 0.1f) / extreme, middle, top, ref best);
            Try(weights, trial, (middle - 1 + step * 0.1f) / extreme, middle, top, ref best);
        }
        Assign(weights, levels, best.Inverse, best.Zero, top);
        return (best.Scale, best.Zero);
    }

    /// <summary>Levels by a trial scale, then the scale that fits those levels best.</summary>
    private static void Try(ReadOnlySpan<float> weights, Span<byte> levels, float inverse, int zero, int top,
        ref (double Error, float Scale, int Zero, float Inverse) best)
    {
        Assign(weights, levels, inverse, zero, top);
        double products = 0, squares = 0, error = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            int level = levels[i] - zero;
            products += (double)weights[i] * level;
            squares += level * level;
        }
        float scale = squares == 0 ? 1 / inverse : (float)(products / squares);
        for (int i = 0; i < weights.Length; i++)
        {
            double difference = weights[i] - (levels[i] - zero) * (double)scale;
            error += difference * difference;
        }
        if (error < best.Error) best = (error, scale, zero, inverse);
    }

    private static void Assign(ReadOnlySpan<float> weights, Span<byte> levels, float inverse, int zero, int top)
    {
        for (int i = 0; i < weights.Length; i++)
            levels[i] = (byte)Math.Clamp(MathF.Round(weights[i] * inverse + zero, MidpointRounding.AwayFromZero), 0, top);
    }
}
