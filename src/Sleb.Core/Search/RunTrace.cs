using System.Text.Json;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;

namespace Sleb.Core.Search;

/// <summary>
/// A search's memory on disk, <c>run.jsonl</c>: the first line says what the search belongs to, each further line is one scored
/// candidate. Appended line by line, so a killed search loses at most the candidate in flight.
/// </summary>
internal sealed class RunTrace : ISearchTrace, IDisposable
{
    public const string FileName = "run.jsonl";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals, // a NaN loss is remembered too
    };

    private readonly Dictionary<(int Round, int Block), CandidateLosses> _known = [];
    private readonly FileStream? _file;

    private RunTrace(FileStream? file) => _file = file;

    private sealed record Line(int Round, int Block, IReadOnlyList<double> WindowNll);

    /// <summary>Candidates that were remembered when the trace was opened.</summary>
    public int Resumed { get; private set; }

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
    public static Func<int, int, CandidateLosses?> Look(string folder, SearchIdentity identity)
    {
        var trace = new RunTrace(null);
        string path = Path.Combine(folder, FileName);
        if (File.Exists(path)) trace.Parse(path, File.ReadAllBytes(path), identity);
        return trace.Find;
    }

    public CandidateLosses? Find(int round, int block) => _known.GetValueOrDefault((round, block));

    public void Append(int round, CandidateLosses losses)
    {
        WriteLine(new Line(round, losses.Block, losses.WindowNll));
        _known[(round, losses.Block)] = losses;
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
            if (entry.WindowNll.Count != identity.Windows) throw new JsonException($"{entry.WindowNll.Count} losses for {identity.Windows} windows");
            _known[(entry.Round, entry.Block)] = new(entry.Block, entry.WindowNll);
            Resumed++;
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
