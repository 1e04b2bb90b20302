namespace Sleb.Core.Search;

/// <summary>The losses of the model without one more block.</summary>
/// <param name="Block">Original index of the block switched off.</param>
/// <param name="WindowNll">Nats per token, one value a calibration window, in the windows' order.</param>
public sealed record CandidateLosses(int Block, IReadOnlyList<double> WindowNll)
{
    /// <summary>Mean over windows, summed in double in the windows' order.</summary>
    public double MeanNll { get; } = WindowNll.Sum() / WindowNll.Count;
}
