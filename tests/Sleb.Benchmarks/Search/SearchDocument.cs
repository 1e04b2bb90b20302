namespace Sleb.Benchmarks.Search;

/// <summary>The outcome of the benchmark.</summary>
internal sealed record SearchDocument(string Machine, string Model, int Windows, int? SequenceLength, IReadOnlyList<SearchRow> Rows);

/// <summary>One mode, measured in a process of its own.</summary>
/// <param name="Ratio">The naive mode's seconds over this one's; null where that was not asked for.</param>
/// <param name="Agrees">Whether every round removes what the first whole search in the list removes; null where there is nothing to compare.</param>
internal sealed record SearchRow(
    string Mode, double Seconds, long PeakBytes, IReadOnlyList<int> RemovedBlocks, double? Ratio, bool Extrapolated, bool? Agrees, IReadOnlyList<Decision> Rounds);
