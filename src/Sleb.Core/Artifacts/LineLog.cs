using System.Text.Json;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Artifacts;

/// <summary>
/// A memory on disk that a killed process loses at most the last entry of: the first line says what the entries belong to, each further
/// line is one entry, as JSON, appended as it comes.
/// </summary>
internal sealed class LineLog : IDisposable
{
    private readonly FileStream _file;
    private readonly JsonSerializerOptions _json;

    private LineLog(FileStream file, JsonSerializerOptions json) => (_file, _json) = (file, json);

    /// <summary>Opens a log to go on with, or starts one.</summary>
    /// <param name="work">What it is the memory of, for messages: a search.</param>
    /// <param name="folder">What it lies in, for messages: a run folder.</param>
    /// <param name="remember">Takes each entry that is there; a <see cref="JsonException"/> refuses it.</param>
    /// <exception cref="CheckpointException">The log belongs to another work or is damaged.</exception>
    /// <exception cref="IOException">Another process has it open, or the folder cannot be written.</exception>
    public static LineLog Open<TIdentity, TEntry>(string path, TIdentity identity, JsonSerializerOptions json, string work, string folder, Action<TEntry> remember) where TIdentity : class
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var log = new LineLog(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read), json);
        try
        {
            int complete = log.Read(identity, work, folder, remember);
            log._file.SetLength(complete);
            log._file.Position = complete;
            if (complete == 0) log.Append(identity);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Reads a log that is only looked at; a null identity takes it whatever it belongs to.</summary>
    /// <inheritdoc cref="Open" path="/param"/>
    /// <inheritdoc cref="Open" path="/exception[1]"/>
    public static void Look<TIdentity, TEntry>(string path, TIdentity? identity, JsonSerializerOptions json, string work, string folder, Action<TEntry> remember) where TIdentity : class
    {
        using var log = new LineLog(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), json);
        log.Read(identity, work, folder, remember);
    }

    public void Append<T>(T value)
    {
        _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(value, _json), (byte)'\n']);
        _file.Flush();
    }

    public void Dispose() => _file.Dispose();

    /// <returns>The length of what is whole: a line without its newline was being written when the process died.</returns>
    private int Read<TIdentity, TEntry>(TIdentity? identity, string work, string folder, Action<TEntry> remember) where TIdentity : class
    {
        byte[] bytes = new byte[_file.Length];
        _file.ReadExactly(bytes);
        int complete = Array.LastIndexOf(bytes, (byte)'\n') + 1, number = 0;
        for (int start = 0, end; start < complete; start = end + 1)
        {
            end = Array.IndexOf(bytes, (byte)'\n', start);
            var line = bytes.AsSpan(start, end - start);
            try
            {
                if (++number > 1) remember(Parse<TEntry>(line));
                else if (Difference(Parse<TIdentity>(line), identity) is { } difference)
                    throw new CheckpointException($"{_file.Name} belongs to another {work} ({difference}); give another {folder}, or delete this one.");
            }
            catch (Exception e) when (e is JsonException or NullReferenceException or ArgumentNullException)
            {
                throw new CheckpointException($"{_file.Name} is damaged in line {number} ({e.Message}); delete the {folder} to start over.", e);
            }
        }
        return complete;
    }

    private T Parse<T>(ReadOnlySpan<byte> line) => JsonSerializer.Deserialize<T>(line, _json) ?? throw new JsonException("it holds null");

    /// <summary>The first difference in a few words, or null where there is none.</summary>
    private static string? Difference<T>(T there, T? here) where T : class
    {
        if (here is not null)
            foreach (var property in typeof(T).GetProperties())
                if (property.GetValue(there) is var old && property.GetValue(here) is var now && !Equals(old, now))
                    return $"{JsonNamingPolicy.CamelCase.ConvertName(property.Name)} {old} there, {now} here";
        return null;
    }
}
