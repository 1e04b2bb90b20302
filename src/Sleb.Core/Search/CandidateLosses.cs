namespace Sleb.Core.Search;

/// <summary>The losses of the model without one more block, on the windows measured so far: the first ones of the text.</summary>
/// <param name="Block">Original index of the block switched off.</param>
/// <param name="Windows">One loss a calibration window, in the windows' order.</param>
public sealed record CandidateLosses(int Block, IReadOnlyList<WindowLoss> Windows)
{
    /// <summary>Mean over windows in nats per token, summed in double in the windows' order.</summary>
    public double MeanNll { get; } = Windows.Sum(window => window.Nll) / Windows.Count;
}
