using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Pieces;

namespace Sleb.Onnx;

/// <summary>What to write, and from what.</summary>
internal sealed record ExportRequest
{
    public required Checkpoint Checkpoint { get; init; }

    /// <summary>Original indices in the order of removal; empty for the dense model.</summary>
    public required IReadOnlyList<int> RemovedBlocks { get; init; }

    public required string OutFolder { get; init; }

    /// <summary><c>cpu</c> or <c>cuda</c>.</summary>
    public string Target { get; init; } = "cpu";

    public string Precision { get; init; } = "fp32";

    public OnnxForm Form { get; init; } = new();

    /// <summary>Replace whatever the target holds, even the same model.</summary>
    public bool Overwrite { get; init; }

    public string? CalibrationFingerprint { get; init; }

    public double? DensePerplexity { get; init; }

    public double? PrunedPerplexity { get; init; }

    /// <summary>Writes the folder's README.md; null for none.</summary>
    public Func<Provenance, string>? Card { get; init; }

    /// <summary>The pruned model's logits for token ids, row-major <c>[tokens, V]</c>, from another implementation: what the folder is checked against.</summary>
    public Func<IReadOnlyList<int>, float[]>? ReferenceLogits { get; init; }

    /// <summary>Where the folder may not fit into memory: what each piece of it is checked against, instead of loading it.</summary>
    public IModelPieces? Pieces { get; init; }

    /// <summary>Bytes that a matrix may take on its way into the folder; 128 MB where nothing is given.</summary>
    public long MatrixBytes { get; init; } = 128 << 20;
}
