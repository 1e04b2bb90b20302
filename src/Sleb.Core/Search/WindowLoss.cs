namespace Sleb.Core.Search;

/// <summary>The loss of the model without one more block, on one calibration window.</summary>
/// <param name="Block">Original index of the block switched off; <see cref="IBlockScorer.NoBlock"/> for the model as it is.</param>
/// <param name="Window">The calibration window, from 0.</param>
/// <param name="Nll">Mean over the window's T-1 next-token targets, nats per token.</param>
/// <param name="Segments">Means over up to 128 equal parts of the window, of four tokens at least where it has as many, to a millionth of a nat: what racing compares.</param>
public sealed record WindowLoss(int Block, int Window, double Nll, IReadOnlyList<double> Segments)
{
    private const int MostSegments = 128, FewestTokens = 4;

    /// <summary>From the loss of every target token, summed in double in the tokens' order.</summary>
    public static WindowLoss Of(int block, int window, ReadOnlySpan<double> tokenNll)
    {
        double sum = 0;
        var segments = new double[Math.Clamp(tokenNll.Length / FewestTokens, 1, MostSegments)];
        for (int s = 0; s < segments.Length; s++)
        {
            int start = tokenNll.Length * s / segments.Length, end = tokenNll.Length * (s + 1) / segments.Length;
            for (int t = start; t < end; t++) segments[s] += tokenNll[t];
            sum += segments[s];
            segments[s] = Math.Round(segments[s] / (end - start), 6);
        }
        return new(block, window, sum / tokenNll.Length, segments);
    }
}
