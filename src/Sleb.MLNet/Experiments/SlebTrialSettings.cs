using Sleb.Core.Search;

namespace Sleb.MLNet;

/// <summary>One point of the search space.</summary>
public sealed record SlebTrialSettings
{
    /// <summary>The trial's number in its experiment, from 1.</summary>
    public int TrialId { get; init; }

    /// <summary>How many blocks are removed.</summary>
    public required int RemoveBlocks { get; init; }

    /// <summary>What candidates are ranked by.</summary>
    public required SearchMetric Metric { get; init; }

    /// <summary>The calibration text's name.</summary>
    public required string Calibration { get; init; }

    /// <summary>Calibration windows asked for.</summary>
    public required int Windows { get; init; }

    /// <summary>Tokens a calibration window.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Weights of the written folder: <c>fp32</c>, <c>int8</c> or <c>int4</c>.</summary>
    public required string Precision { get; init; }

    /// <summary>Whether both ask for the same, whatever their numbers.</summary>
    internal bool Same(SlebTrialSettings other) => this with { TrialId = 0 } == other with { TrialId = 0 };
}
