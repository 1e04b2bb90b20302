namespace Sleb.Cli.Json;

/// <summary>The outcome of <c>sleb bench</c>.</summary>
/// <param name="GenerationPromptTokens">Of each text that is written; null where it goes on behind the prompt.</param>
internal sealed record BenchDocument(
    string Machine, int PromptTokens, int NewTokens, int Runs, IReadOnlyList<BenchDocument.Row> Folders, int? GenerationPromptTokens, int BatchSize)
{
    /// <summary>One folder; rates are medians over the runs.</summary>
    /// <param name="Spread">Of the decoding rates, fastest minus slowest over the median.</param>
    /// <param name="Ratio">Decoding rate over the first folder's.</param>
    /// <param name="IdealRatio">The first folder's bytes a decoding step over this one's.</param>
    /// <param name="Perplexity">On a text; null where none was given.</param>
    internal sealed record Row(
        string Folder, long Bytes, double PrefillTokensPerSecond, double DecodeTokensPerSecond, double Spread, double Ratio, double IdealRatio,
        double PrefillSpread, double PrefillRatio, long BytesPerDecodedToken, double? Perplexity);
}
