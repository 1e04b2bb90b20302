using System.Text.Json;
using System.Text.Json.Serialization;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;

namespace Sleb.Core.Search;

/// <summary>
/// A search's memory on disk, <c>run.jsonl</c>: the first line says what the search belongs to, each further line is the loss of one
/// candidate on one window, but for the one with the blocks' properties. Appended line by line, so a killed search loses at most the
/// pass in flight.
/// </summary>
internal sealed class RunTrace : ISearchTrace, IDisposable
{
    public const string FileName = "run.jsonl";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a NaN loss is remembered too
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private readonly SearchMemory _known = new();
    private readonly FileStream? _file;

    private RunTrace(FileStream? file) => _file = file;

    private sealed record Line(int Round, Arithmetic? Arithmetic, WindowLoss? Loss, BlockMeasurement? Blocks);

    /// <summary>Losses that were remembered when the trace was opened.</summary>
    public int Resumed { get; private set; }

    public BlockMeasurement? Blocks => _known.Blocks;

    /// <summary>Opens the trace of a run folder, or starts one.</summary>
    /// <exception cref="CheckpointException">The trace belongs to another search or is damaged.</exception>
    /// <exception cref="IOException">Another process has it open, or the folder cannot be written.</exception>
    public static RunTrace Open(string folder, SearchIdentity identity)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName);
        var trace = new RunTrace(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        try
        {
            trace.Read(path, identity);
            return trace;
        }
        catch
        {
            trace.Dispose();
            throw;
        }
    }

    /// <summary>What the trace of a run folder remembers, to be looked at only; nothing where there is no trace.</summary>
    /// <inheritdoc cref="Open" path="/exception[1]"/>
    public static SearchMemory Look(string folder, SearchIdentity identity)
    {
        var trace = new RunTrace(null);
        string path = Path.Combine(folder, FileName);
        if (File.Exists(path)) trace.Parse(path, File.ReadAllBytes(path), identity);
        return trace._known;
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
        WriteLine(new Line(round, arithmetic, loss, null));
        _known.Append(round, loss, arithmetic);
    }

    public void Append(BlockMeasurement blocks)
    {
        WriteLine(new Line(0, null, null, blocks));
        _known.Append(blocks);
    }

    public void Dispose() => _file?.Dispose();

    private void Read(string path, SearchIdentity identity)
    {
        byte[] bytes = new byte[_file!.Length];
        _file.ReadExactly(bytes);
        int complete = Parse(path, bytes, identity);
        _file.SetLength(complete);
        _file.Position = complete;
        if (complete == 0) WriteLine(identity);
    }

    /// <returns>The length of what is whole: a line without its newline was being written when the process died.</returns>
    private int Parse(string path, byte[] bytes, SearchIdentity identity)
    {
        int complete = Array.LastIndexOf(bytes, (byte)'\n') + 1, number = 0;
        for (int start = 0, end; start < complete; start = end + 1)
        {
            end = Array.IndexOf(bytes, (byte)'\n', start);
            Parse(path, ++number, bytes.AsSpan(start, end - start), identity);
        }
        return complete;
    }

    private void Parse(string path, int number, ReadOnlySpan<byte> line, SearchIdentity identity)
    {
        try
        {
            if (number == 1)
            {
                var found = JsonSerializer.Deserialize<SearchIdentity>(line, Json)!;
                if (found.DifferenceTo(identity) is { } difference)
                    throw new CheckpointException($"{path} belongs to another search ({difference}); give another run folder, or delete this one.");
                return;
            }
            var entry = JsonSerializer.Deserialize<Line>(line, Json)!;
            if (entry.Blocks is { } blocks && blocks.Influence.Count == identity.Blocks) _known.Append(blocks);
            else if (entry is { Arithmetic: { } arithmetic, Loss: { Segments: not null } loss } && loss.Window >= 0 && loss.Window < identity.Windows) _known.Append(entry.Round, loss, arithmetic);
            else throw new JsonException("it is neither a loss nor the blocks' properties of this search");
            Resumed = _known.Count;
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or ArgumentNullException)
        {
            throw new CheckpointException($"{path} is damaged in line {number} ({e.Message}); delete the run folder to start over.", e);
        }
    }

    private void WriteLine<T>(T value)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(value, Json), (byte)'\n'];
        _file!.Write(line);
        _file.Flush();
    }
}
