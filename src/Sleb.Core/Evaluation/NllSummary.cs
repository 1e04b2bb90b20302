using Sleb.Core.Search;

namespace Sleb.Core.Evaluation;

/// <summary>Perplexity by the paper's protocol: non-overlapping windows, tail dropped, the mean of window means.</summary>
/// <param name="WindowNll">Nats per token of each window.</param>
/// <param name="Tokens">Tokens of all windows.</param>
public sealed record NllSummary(IReadOnlyList<double> WindowNll, int Tokens)
{
    /// <summary>Losses of windows of ids.</summary>
    internal static NllSummary Of(IReadOnlyList<int[]> windows, IReadOnlyList<double> windowNll) => new(windowNll, windows.Sum(ids => ids.Length));

    /// <summary>Mean over windows, nats per token.</summary>
    public double MeanNll { get; } = WindowNll.Sum() / WindowNll.Count;

    /// <summary>exp of <see cref="MeanNll"/>.</summary>
    public double Perplexity => Math.Exp(MeanNll);

    /// <summary>Standard error of <see cref="MeanNll"/>; null with fewer than two windows.</summary>
    public double? StandardError => PairedDifference.Of(WindowNll).StandardError;
}
