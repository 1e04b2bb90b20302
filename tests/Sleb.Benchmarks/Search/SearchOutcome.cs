namespace Sleb.Benchmarks.Search;

/// <summary>What one mode took, from an open folder to the plan, and what it decided.</summary>
/// <param name="Extrapolated">The budget ran out: the rest of the seconds is scaled, the rest of the decisions unknown.</param>
internal sealed record SearchOutcome(double Seconds, bool Extrapolated, IReadOnlyList<Decision> Decisions);

/// <summary>One round: what goes, and what would have gone in its place.</summary>
internal sealed record Decision(int Removed, double MeanNll, int? RunnerUp);
