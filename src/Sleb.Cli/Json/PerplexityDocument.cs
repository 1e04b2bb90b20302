using Sleb.Core.Evaluation;

namespace Sleb.Cli.Json;

/// <summary>What <c>sleb perplexity</c> measured.</summary>
internal sealed record PerplexityDocument(double MeanNll, double Perplexity, double? StandardError, int Windows, int Tokens, IReadOnlyList<double> WindowNll)
{
    public static PerplexityDocument Of(NllSummary summary) =>
        new(summary.MeanNll, summary.Perplexity, summary.StandardError, summary.WindowNll.Count, summary.Tokens, summary.WindowNll);
}
