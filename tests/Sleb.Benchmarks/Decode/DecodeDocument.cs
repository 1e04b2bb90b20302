namespace Sleb.Benchmarks.Decode;

/// <summary>The outcome of the benchmark.</summary>
internal sealed record DecodeDocument(string Machine, int Threads, int PromptTokens, int NewTokens, int Runs, IReadOnlyList<DecodeRow> Rows);

/// <summary>One model in one engine; rates are medians over the runs.</summary>
/// <param name="Ratio">The decoding rate over the first row's.</param>
/// <param name="PrefillRatio">The same of the prompt's rate.</param>
/// <param name="Spread">Of the decoding rates, fastest minus slowest over the median.</param>
internal sealed record DecodeRow(
    string Engine, string Model, long Bytes, double PrefillTokensPerSecond, double DecodeTokensPerSecond, double Ratio, double PrefillRatio, double Spread);
