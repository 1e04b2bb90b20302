using System.Text.Json;
using System.Text.Json.Serialization;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;

namespace Sleb.MLNet.Experiments;

/// <summary>
/// An experiment's memory on disk, <c>trials.jsonl</c>: the first line says what the trials belong to, each further line is the dense
/// model's loss, a finished trial or one that failed. A killed experiment loses at most the trial in flight.
/// </summary>
internal sealed class TrialLog : IDisposable
{
    public const string FileName = "trials.jsonl";

    private const string Work = "experiment", Folder = "checkpoint folder"; // in messages

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a model may well be ruined: its loss is not finite then
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly List<SlebTrialResult> _results = [];
    private readonly LineLog _log;

    private TrialLog(string folder, ExperimentIdentity identity) =>
        _log = LineLog.Open<ExperimentIdentity, Line>(Path.Combine(folder, FileName), identity, Json, Work, Folder, Remember);

    private sealed record Line(NllSummary? Dense, SlebTrialResult? Result, SlebFailedTrial? Failed);

    /// <summary>The dense checkpoint on the evaluation text, or null where that has not been measured.</summary>
    public NllSummary? Dense { get; private set; }

    /// <summary>Opens the log of a folder, or starts one.</summary>
    /// <exception cref="CheckpointException">The log belongs to another experiment or is damaged.</exception>
    /// <exception cref="IOException">Another process has it open, or the folder cannot be written.</exception>
    public static TrialLog Open(string folder, ExperimentIdentity identity) => new(folder, identity);

    /// <summary>The finished trials of a log, for whoever only looks.</summary>
    /// <exception cref="CheckpointException">The log is damaged.</exception>
    public static IReadOnlyList<SlebTrialResult> Read(string folder)
    {
        var lines = new List<Line>();
        LineLog.Look<ExperimentIdentity, Line>(Path.Combine(folder, FileName), identity: null, Json, Work, Folder, line => lines.Add(Check(line)));
        return [.. lines.Select(line => line.Result).OfType<SlebTrialResult>()];
    }

    /// <summary>The finished trial that asked for the same, or null.</summary>
    public SlebTrialResult? Find(SlebTrialSettings settings) => _results.Find(result => result.Settings.Same(settings));

    /// <summary>A finished trial that came to the same folder: as many bits, the same blocks gone, in whatever order.</summary>
    public SlebTrialResult? FindFolder(IReadOnlyList<int> removedBlocks, string precision) =>
        _results.Find(result => result.Settings.Precision == precision && result.RemovedBlocks.Order().SequenceEqual(removedBlocks.Order()));

    public void Append(NllSummary dense) => _log.Append(new Line(Dense = dense, null, null));

    public void Append(SlebTrialResult result)
    {
        _log.Append(new Line(null, result, null));
        _results.Add(result);
    }

    public void Append(SlebFailedTrial failed) => _log.Append(new Line(null, null, failed));

    public void Dispose() => _log.Dispose();

    private void Remember(Line line)
    {
        if (Check(line).Dense is { } dense) Dense = dense;
        else if (line.Result is { } result) _results.Add(result); // a failed trial is tried again: its reason may be gone
    }

    private static Line Check(Line line) =>
        line is { Dense: null, Result: null, Failed: null } ? throw new JsonException("it is neither a loss nor a trial") : line;
}
