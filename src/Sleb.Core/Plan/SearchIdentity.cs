using Sleb.Core.Search;

namespace Sleb.Core.Plan;

/// <summary>What a search belongs to: the same identity gives the same decisions. The number of blocks to remove is not part of it.</summary>
public sealed record SearchIdentity
{
    /// <summary>SHA-256 over the dense model's config and weights.</summary>
    public required string ModelFingerprint { get; init; }

    /// <summary>config.json's <c>model_type</c>.</summary>
    public required string Family { get; init; }

    /// <summary>Blocks of the dense model.</summary>
    public required int Blocks { get; init; }

    /// <summary>SHA-256 over the calibration windows' token ids.</summary>
    public required string CalibrationFingerprint { get; init; }

    /// <summary>Number of calibration windows.</summary>
    public required int Windows { get; init; }

    /// <summary>Tokens a window.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Blocks kept at the start of the model.</summary>
    public required int EarlyBarrier { get; init; }

    /// <summary>Blocks kept at the end of the model.</summary>
    public required int LateBarrier { get; init; }

    /// <summary>What candidates are ranked by.</summary>
    public SearchMetric Metric { get; init; }

    /// <summary>How much of the text every candidate sees.</summary>
    public SearchEffort Effort { get; init; }

    /// <summary>What candidates are screened in.</summary>
    public Arithmetic Arithmetic { get; init; }
}
