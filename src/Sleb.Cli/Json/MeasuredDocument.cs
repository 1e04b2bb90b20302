using Sleb.Core.Evaluation;

namespace Sleb.Cli.Json;

/// <summary>One model's figures on the evaluation text.</summary>
internal sealed record MeasuredDocument(double MeanNll, double Perplexity)
{
    public static MeasuredDocument? Of(NllSummary? summary) => summary is null ? null : new(summary.MeanNll, summary.Perplexity);
}
