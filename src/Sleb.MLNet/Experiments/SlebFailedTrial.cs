namespace Sleb.MLNet;

/// <summary>A trial that came to nothing.</summary>
/// <param name="Settings">What was tried.</param>
/// <param name="Reason">Why it failed.</param>
public sealed record SlebFailedTrial(SlebTrialSettings Settings, string Reason);
