using System.Text.Encodings.Web;
using System.Text.Json;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Artifacts;

/// <summary>Where a written model came from: the sidecar <c>sleb.json</c> in every folder this product writes.</summary>
internal sealed record Provenance
{
    public const string FileName = "sleb.json", CardFileName = "README.md";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public string Format { get; init; } = "sleb-model/1";

    /// <summary><c>onnx</c> or <c>hf</c>.</summary>
    public required string Artifact { get; init; }

    /// <summary><c>cpu</c> or <c>cuda</c>; null for a Hugging Face folder.</summary>
    public string? Target { get; init; }

    public required string Precision { get; init; }

    /// <summary>How weights became integers; null where they did not.</summary>
    public string? Quantization { get; init; }

    /// <summary>Sums and norms in one kernel.</summary>
    public bool FusedNorms { get; init; }

    /// <summary>Gate and up of a gated MLP as one product.</summary>
    public bool PackedGateUp { get; init; }

    /// <summary>SHA-256 of a data file that another folder has too, and whoever changes it there changes it here.</summary>
    public string? SharedDataSha256 { get; init; }

    /// <summary>Fingerprint of the dense checkpoint.</summary>
    public required string BaseFingerprint { get; init; }

    public required string Family { get; init; }

    /// <summary>Blocks of the dense model.</summary>
    public required int Blocks { get; init; }

    /// <summary>Original indices in the order of removal; empty for the dense model.</summary>
    public required IReadOnlyList<int> RemovedBlocks { get; init; }

    public required IReadOnlyList<int> Survivors { get; init; }

    /// <summary>Fingerprint of the calibration windows that chose the blocks; null where the user named them.</summary>
    public string? CalibrationFingerprint { get; init; }

    /// <summary>Evaluation perplexities of the checkpoint in fp32, where they were measured.</summary>
    public double? DensePerplexity { get; init; }

    public double? PrunedPerplexity { get; init; }

    /// <summary>Whether <paramref name="other"/> describes the same artefact (the measured figures aside).</summary>
    public bool SameModel(Provenance other) =>
        (Format, Artifact, Target, Precision, Quantization, FusedNorms, PackedGateUp, BaseFingerprint) == (other.Format, other.Artifact, other.Target, other.Precision, other.Quantization, other.FusedNorms, other.PackedGateUp, other.BaseFingerprint)
        && RemovedBlocks.SequenceEqual(other.RemovedBlocks);

    /// <param name="card">What the folder's README.md says of the model; null for none.</param>
    public void Write(string folder, Func<Provenance, string>? card)
    {
        File.WriteAllText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, Json) + "\n");
        if (card is not null) File.WriteAllText(Path.Combine(folder, CardFileName), card(this));
    }

    /// <summary>The sidecar of a folder, or null where there is none.</summary>
    public static Provenance? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize<Provenance>(File.ReadAllText(path), Json);
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path} is damaged ({e.Message}); delete it or export the model again.", e);
        }
    }
}
