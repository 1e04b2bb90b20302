namespace Sleb.Core.Search;

/// <summary>A candidate was scored.</summary>
/// <param name="Round">From 1.</param>
/// <param name="Rounds">Rounds in all.</param>
/// <param name="Scored">Candidates of this round scored so far, resumed ones included.</param>
/// <param name="Candidates">Candidates of this round.</param>
/// <param name="Candidate">The one just scored.</param>
public sealed record SearchProgress(int Round, int Rounds, int Scored, int Candidates, CandidateLosses Candidate);
