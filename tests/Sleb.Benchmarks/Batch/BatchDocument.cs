namespace Sleb.Benchmarks.Batch;

/// <summary>The outcome of the benchmark.</summary>
internal sealed record BatchDocument(string Machine, int Texts, int MaxNewTokens, int LookAhead, IReadOnlyList<BatchRow> Rows);

/// <summary>One batch size on one folder.</summary>
/// <param name="Ratio">Texts a second over those of the folder's row by row.</param>
/// <param name="Equal">Texts whose completion is the same as row by row.</param>
internal sealed record BatchRow(string Folder, int BatchSize, double Seconds, double TextsPerSecond, double Ratio, int Equal);
