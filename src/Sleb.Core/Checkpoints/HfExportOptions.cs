using Sleb.Core.Artifacts;

namespace Sleb.Core.Checkpoints;

/// <summary>What a written Hugging Face folder may be told besides its blocks.</summary>
internal sealed record HfExportOptions
{
    /// <summary>Weights above this go into several files with an index, as save_pretrained does it.</summary>
    /// <value>The default is 5 GB.</value>
    public long MaxShardBytes { get; init; } = 5_000_000_000;

    /// <inheritdoc cref="Provenance.CalibrationFingerprint"/>
    public string? CalibrationFingerprint { get; init; }

    /// <inheritdoc cref="Provenance.DensePerplexity"/>
    public double? DensePerplexity { get; init; }

    /// <inheritdoc cref="Provenance.PrunedPerplexity"/>
    public double? PrunedPerplexity { get; init; }

    /// <summary>Writes the folder's README.md; null for none.</summary>
    public Func<Provenance, string>? Card { get; init; }

    /// <summary>Told after every few megabytes; a byte counts once when it is written and once when it is verified.</summary>
    public IProgress<(long Done, long Total)>? Progress { get; init; }
}
