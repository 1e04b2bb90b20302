using Sleb.Core.Artifacts;

namespace Sleb.Onnx.Surgery;

/// <summary>Which blocks to take out of which ONNX Runtime GenAI folder, and where the rest goes.</summary>
internal sealed record SurgeryRequest
{
    public required string Folder { get; init; }

    /// <summary>The folder's own indices in the order of removal; empty for a copy.</summary>
    public required IReadOnlyList<int> RemovedBlocks { get; init; }

    public required string OutFolder { get; init; }

    /// <summary>Replace whatever the target holds, even the same model.</summary>
    public bool Overwrite { get; init; }

    public string? CalibrationFingerprint { get; init; }

    public double? DensePerplexity { get; init; }

    public double? PrunedPerplexity { get; init; }

    /// <summary>Writes the folder's README.md; null for none.</summary>
    public Func<Provenance, string>? Card { get; init; }
}
