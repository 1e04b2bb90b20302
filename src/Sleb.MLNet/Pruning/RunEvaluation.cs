using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;

namespace Sleb.MLNet.Pruning;

/// <summary>
/// What the removals of a run did to a text that did not choose them, and what model and texts are called: <c>evaluation.json</c> beside
/// the plan. It is no part of the plan, because one search makes one plan, whatever it is evaluated on.
/// </summary>
internal sealed record RunEvaluation
{
    public const string FileName = "evaluation.json";

    private const string CurrentFormat = "sleb-evaluation/1";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a model may well be ruined: its loss is not finite then
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public string Format { get; init; } = CurrentFormat;

    /// <summary>A name, as the two that follow: no path.</summary>
    public required string Model { get; init; }

    public required string Calibration { get; init; }

    public required string Text { get; init; }

    public required string ModelFingerprint { get; init; }

    /// <summary>SHA-256 over the evaluation windows' token ids.</summary>
    public required string TextFingerprint { get; init; }

    /// <summary>In the order of removal.</summary>
    public required IReadOnlyList<int> RemovedBlocks { get; init; }

    /// <summary>The dense model, then what each removal left, null where that was not measured; empty where the calibration text is the only one.</summary>
    public required IReadOnlyList<NllSummary?> Measured { get; init; }

    public void Save(string runFolder) => WholeFile.Write(Path.Combine(runFolder, FileName), JsonSerializer.Serialize(this, Json) + "\n");

    /// <summary>The part that belongs to a plan; null where a run folder has none, or one of another model.</summary>
    /// <exception cref="CheckpointException">The file is damaged or of another format.</exception>
    public static RunEvaluation? Read(string runFolder, BlockPlan plan)
    {
        string path = Path.Combine(runFolder, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            var read = JsonSerializer.Deserialize<RunEvaluation>(File.ReadAllText(path), Json) ?? throw new JsonException("it holds null");
            if (read.Format != CurrentFormat) throw new JsonException($"it has the format '{read.Format}'; '{CurrentFormat}' is expected");
            if (read.Measured.Count > 0 && read.Measured.Count != read.RemovedBlocks.Count + 1) throw new JsonException("it has not one measurement a removal, and one before");
            // A call for fewer blocks reads the same run, and leaves a shorter plan than the file was written for; one that was killed, a longer.
            int common = read.RemovedBlocks.Zip(plan.RemovedBlocks).TakeWhile(pair => pair.First == pair.Second).Count();
            return read.ModelFingerprint != plan.Search.ModelFingerprint ? null
                : read with { RemovedBlocks = [.. read.RemovedBlocks.Take(common)], Measured = [.. read.Measured.Take(common + 1)] };
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path} is damaged ({e.Message}); delete it, or run sleb prune again.", e);
        }
    }
}
