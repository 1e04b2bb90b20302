using System.Text.Json;
using System.Text.Json.Serialization;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;

namespace Sleb.Core.Search;

/// <summary>
/// A search's memory on disk, <c>run.jsonl</c>: the first line says what the search belongs to, each further line is the loss of one
/// candidate on one window, but for the one with the blocks' properties. A killed search loses at most the pass in flight.
/// </summary>
internal sealed class RunTrace : ISearchTrace, IDisposable
{
    public const string FileName = "run.jsonl";

    private const string Work = "search", Folder = "run folder"; // in messages

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a NaN loss is remembered too
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly SearchMemory _known;
    private readonly LineLog _log;

    private RunTrace(SearchMemory known, LineLog log) => (_known, _log, Resumed) = (known, log, known.Count);

    private sealed record Line(int Round, Arithmetic? Arithmetic, WindowLoss? Loss, BlockMeasurement? Blocks);

    /// <summary>Losses that were remembered when the trace was opened.</summary>
    public int Resumed { get; }

    public BlockMeasurement? Blocks => _known.Blocks;

    /// <summary>Opens the trace of a run folder, or starts one.</summary>
    /// <exception cref="CheckpointException">The trace belongs to another search or is damaged.</exception>
    /// <exception cref="IOException">Another process has it open, or the folder cannot be written.</exception>
    public static RunTrace Open(string folder, SearchIdentity identity)
    {
        var known = new SearchMemory();
        return new(known, LineLog.Open<SearchIdentity, Line>(Path.Combine(folder, FileName), identity, Json, Work, Folder, line => Remember(known, line, identity)));
    }

    /// <summary>What the trace of a run folder remembers, to be looked at only; nothing where there is no trace.</summary>
    /// <inheritdoc cref="Open" path="/exception[1]"/>
    public static SearchMemory Look(string folder, SearchIdentity identity)
    {
        var known = new SearchMemory();
        string path = Path.Combine(folder, FileName);
        if (File.Exists(path)) LineLog.Look<SearchIdentity, Line>(path, identity, Json, Work, Folder, line => Remember(known, line, identity));
        return known;
    }

    /// <summary>The arithmetic that a run was started in, which it is to go on in; null where there is none, or none that can be read.</summary>
    public static Arithmetic? ArithmeticOf(string folder)
    {
        try
        {
            return File.ReadLines(Path.Combine(folder, FileName)).FirstOrDefault() is { } first ? JsonSerializer.Deserialize<SearchIdentity>(first, Json)?.Arithmetic : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // opening the trace will say what is wrong
        }
    }

    public WindowLoss? Find(int round, int block, int window, Arithmetic arithmetic) => _known.Find(round, block, window, arithmetic);

    public void Append(int round, WindowLoss loss, Arithmetic arithmetic)
    {
        _log.Append(new Line(round, arithmetic, loss, null));
        _known.Append(round, loss, arithmetic);
    }

    public void Append(BlockMeasurement blocks)
    {
        _log.Append(new Line(0, null, null, blocks));
        _known.Append(blocks);
    }

    public void Dispose() => _log.Dispose();

    private static void Remember(SearchMemory known, Line line, SearchIdentity identity)
    {
        if (line.Blocks is { } blocks && blocks.Influence.Count == identity.Blocks) known.Append(blocks);
        else if (line is { Arithmetic: { } arithmetic, Loss: { Segments: not null } loss } && loss.Window >= 0 && loss.Window < identity.Windows) known.Append(line.Round, loss, arithmetic);
        else throw new JsonException("it is neither a loss nor the blocks' properties of this search");
    }
}
