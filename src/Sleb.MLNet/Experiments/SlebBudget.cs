namespace Sleb.MLNet;

/// <summary>What the chosen model must keep to. Where nothing is set, <see cref="MaxPerplexityRise"/> is 0.1.</summary>
public sealed record SlebBudget
{
    /// <summary>The most that the perplexity may rise over the dense checkpoint's: 0.1 is ten percent.</summary>
    /// <value>The default is <see langword="null"/>, no limit.</value>
    public double? MaxPerplexityRise { get; init; }

    /// <summary>The largest model folder, in bytes.</summary>
    /// <value>The default is <see langword="null"/>, no limit.</value>
    public long? MaxModelBytes { get; init; }

    /// <summary>The slowest model, by <see cref="SlebTrialResult.MillisecondsPerToken"/>.</summary>
    /// <value>The default is <see langword="null"/>, no limit.</value>
    public double? MaxMillisecondsPerToken { get; init; }

    internal bool IsEmpty => (MaxPerplexityRise, MaxModelBytes, MaxMillisecondsPerToken) == (null, null, null);

    internal bool Holds(SlebTrialResult trial) =>
        !(trial.PerplexityRise > MaxPerplexityRise) && !(trial.ModelBytes > MaxModelBytes) && !(trial.MillisecondsPerToken > MaxMillisecondsPerToken);

    internal IEnumerable<string> FindFaults()
    {
        if (MaxPerplexityRise is { } rise && !double.IsFinite(rise)) yield return FormattableString.Invariant($"MaxPerplexityRise is {rise}; 0.1 is ten percent.");
        if (MaxModelBytes < 1) yield return $"MaxModelBytes is {MaxModelBytes}; it must be at least 1.";
        if (MaxMillisecondsPerToken is { } time && !(time > 0)) yield return FormattableString.Invariant($"MaxMillisecondsPerToken is {time}; it must be above 0.");
    }
}
