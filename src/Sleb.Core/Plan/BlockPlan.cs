using System.Text.Encodings.Web;
using System.Text.Json;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Plan;

/// <summary>
/// The outcome of a search, and the only hand-over between search, exporters, reports and the command line: which blocks of which
/// model go, in which order, and how close each decision was. Plain JSON without paths, times or machine names.
/// </summary>
public sealed record BlockPlan
{
    /// <summary>The file's name in a run folder.</summary>
    public const string FileName = "plan.json";

    private const string CurrentFormat = "sleb-plan/1";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        IgnoreReadOnlyProperties = true,
    };

    /// <summary>Name and version of the file format.</summary>
    public string Format { get; init; } = CurrentFormat;

    /// <summary>The dense model, the calibration text and the settings that the search belongs to.</summary>
    public required SearchIdentity Search { get; init; }

    /// <summary>Loss of the dense model on the calibration windows, nats per token.</summary>
    public required double DenseMeanNll { get; init; }

    /// <summary>One minus the mean cosine of each dense block's input and output (ShortGPT's Block Influence), whatever the metric was.</summary>
    public IReadOnlyList<double>? BlockInfluence { get; init; }

    /// <summary>The decisions in order. Removals nest: the first n of them are the plan for n blocks.</summary>
    public required IReadOnlyList<Removal> Removals { get; init; }

    /// <summary>Original indices of the blocks that stay, ascending.</summary>
    public required IReadOnlyList<int> Survivors { get; init; }

    /// <summary>Original indices of the removed blocks, in the order of removal.</summary>
    public IReadOnlyList<int> RemovedBlocks => [.. Removals.Select(removal => removal.Block)];

    /// <summary>The JSON text; the same plan gives the same bytes.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json) + "\n";

    /// <summary>Writes a plan file under a temporary name, then moves it into place.</summary>
    public void Save(string path) => WholeFile.Write(path, ToJson());

    /// <summary>Reads a plan file.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged or of another format.</exception>
    public static BlockPlan Load(string path)
    {
        if (!File.Exists(path)) throw new CheckpointException($"The plan {path} does not exist.");
        try
        {
            var plan = JsonSerializer.Deserialize<BlockPlan>(File.ReadAllText(path), Json)
                ?? throw new CheckpointException($"{path} is not a plan: it holds null.");
            return plan.Format == CurrentFormat ? plan
                : throw new CheckpointException($"{path} has the format '{plan.Format}'; '{CurrentFormat}' is expected.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path} is not a plan ({e.Message}).", e);
        }
    }

    /// <summary>Refuses a plan made for another model.</summary>
    /// <exception cref="CheckpointException">The fingerprints differ.</exception>
    public void RequireModel(string fingerprint, string folder)
    {
        if (Search.ModelFingerprint != fingerprint)
            throw new CheckpointException($"The plan was made for the model with fingerprint {Search.ModelFingerprint}, but {folder} has {fingerprint}; give the folder of the model that was searched.");
    }
}
