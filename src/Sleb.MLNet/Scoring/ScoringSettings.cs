namespace Sleb.MLNet.Scoring;

/// <summary>How rows are completed and scored: the checked copy of the options, and what a saved pipeline remembers of them.</summary>
internal sealed record ScoringSettings
{
    public required string InputColumnName { get; init; }

    /// <summary>Null leaves the column out.</summary>
    public required string? OutputColumnName { get; init; }

    /// <summary>Null leaves the column out.</summary>
    public required string? ScoreColumnName { get; init; }

    public int MaxNewTokens { get; init; } = 64;
    public bool Sample { get; init; }
    public float Temperature { get; init; } = 1;
    public int TopK { get; init; }
    public float TopP { get; init; } = 1;
    public int? SamplingSeed { get; init; }
    public bool UseChatTemplate { get; init; }
    public int BatchSize { get; init; } = 8;
    public int LookAhead { get; init; } = 64;
    public int? GpuDeviceId { get; init; }
    public bool FallbackToCpu { get; init; }
}
