namespace Sleb.Core.Search;

/// <summary>A candidate was scored on a window.</summary>
/// <param name="Round">From 1.</param>
/// <param name="Rounds">Rounds in all.</param>
/// <param name="Scored">Losses of this round known so far, one a candidate and window, resumed ones included.</param>
/// <param name="Losses">Losses this round needs, as far as can be known now: racing needs fewer with every candidate it rules out.</param>
/// <param name="Candidate">The candidate just scored, with the windows it has been through.</param>
/// <param name="Done">Share of the whole search's work that is done, by an estimate: 0 to 1.</param>
public sealed record SearchProgress(int Round, int Rounds, int Scored, int Losses, CandidateLosses Candidate, double Done);
