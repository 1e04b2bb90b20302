using System.Text.Json;
using System.Text.Json.Serialization;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;

namespace Sleb.MLNet.Experiments;

/// <summary>
/// An experiment's memory on disk, <c>trials.jsonl</c>: the first line says what the trials belong to, each further line is the dense
/// model's loss, a finished trial or one that failed. Appended line by line, so a killed experiment loses at most the trial in flight.
/// </summary>
internal sealed class TrialLog : IDisposable
{
    public const string FileName = "trials.jsonl";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a model may well be ruined: its loss is not finite then
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly List<SlebTrialResult> _results = [];
    private readonly FileStream _file;

    private TrialLog(FileStream file) => _file = file;

    private sealed record Line(NllSummary? Dense, SlebTrialResult? Result, SlebFailedTrial? Failed);

    /// <summary>The dense checkpoint on the evaluation text, or null where that has not been measured.</summary>
    public NllSummary? Dense { get; private set; }

    /// <summary>Opens the log of a folder, or starts one.</summary>
    /// <exception cref="CheckpointException">The log belongs to another experiment or is damaged.</exception>
    /// <exception cref="IOException">Another process has it open, or the folder cannot be written.</exception>
    public static TrialLog Open(string folder, ExperimentIdentity identity)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName);
        var log = new TrialLog(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        try
        {
            log.Read(path, identity);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>The finished trials of a log, for whoever only looks.</summary>
    /// <exception cref="CheckpointException">The log is damaged.</exception>
    public static IReadOnlyList<SlebTrialResult> Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        using var log = new TrialLog(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        log.Read(path, identity: null);
        return log._results;
    }

    /// <summary>The finished trial that asked for the same, or null.</summary>
    public SlebTrialResult? Find(SlebTrialSettings settings) => _results.Find(result => result.Settings.Same(settings));

    /// <summary>A finished trial that came to the same folder: as many bits, the same blocks gone, in whatever order.</summary>
    public SlebTrialResult? FindFolder(IReadOnlyList<int> removedBlocks, string precision) =>
        _results.Find(result => result.Settings.Precision == precision && result.RemovedBlocks.Order().SequenceEqual(removedBlocks.Order()));

    public void Append(NllSummary dense) => WriteLine(new Line(Dense = dense, null, null));

    public void Append(SlebTrialResult result)
    {
        WriteLine(new Line(null, result, null));
        _results.Add(result);
    }

    public void Append(SlebFailedTrial failed) => WriteLine(new Line(null, null, failed));

    public void Dispose() => _file.Dispose();

    private void Read(string path, ExperimentIdentity? identity)
    {
        byte[] bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        // A line without its newline was being written when the process died.
        int complete = Array.LastIndexOf(bytes, (byte)'\n') + 1, number = 0;
        for (int start = 0, end; start < complete; start = end + 1)
        {
            end = Array.IndexOf(bytes, (byte)'\n', start);
            Parse(path, ++number, bytes.AsSpan(start, end - start), identity);
        }
        if (identity is null) return;
        _file.SetLength(complete);
        _file.Position = complete;
        if (complete == 0) WriteLine(identity);
    }

    private void Parse(string path, int number, ReadOnlySpan<byte> line, ExperimentIdentity? identity)
    {
        try
        {
            if (number == 1)
            {
                var found = JsonSerializer.Deserialize<ExperimentIdentity>(line, Json)!;
                if (identity is not null && found.DifferenceTo(identity) is { } difference)
                    throw new CheckpointException($"{path} belongs to another experiment ({difference}); give another checkpoint folder, or delete this one.");
                return;
            }
            var entry = JsonSerializer.Deserialize<Line>(line, Json)!;
            if (entry.Dense is { } dense) Dense = dense;
            else if (entry.Result is { } result) _results.Add(result);
            else if (entry.Failed is null) throw new JsonException("it is neither a loss nor a trial"); // a failed trial is tried again: its reason may be gone
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or ArgumentNullException)
        {
            throw new CheckpointException($"{path} is damaged in line {number} ({e.Message}); delete the checkpoint folder to start over.", e);
        }
    }

    private void WriteLine<T>(T value)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(value, Json), (byte)'\n'];
        _file.Write(line);
        _file.Flush();
    }
}
