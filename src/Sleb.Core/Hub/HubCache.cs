using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Core.Hub;

/// <summary>A repository in the local cache, in the layout of the Python tools: refs/, snapshots/ of links, blobs/.</summary>
internal sealed class HubCache(HubSettings settings, HubId id)
{
    private readonly string _folderName = $"models--{id.Organization}--{id.Name}";

    public string Folder => Path.Combine(settings.CacheFolder, _folderName);

    public string Snapshot(string commit) => Path.Combine(Folder, "snapshots", commit);

    public string Blob(string etag) => Path.Combine(Folder, "blobs", etag);

    /// <summary>The same file, locked in the same way (flock), as the Python tools use for this blob.</summary>
    public string LockFile(string etag) => Path.Combine(settings.CacheFolder, ".locks", _folderName, etag + ".lock");

    /// <summary>The commit that the revision is known to be; null where the cache does not know it.</summary>
    public string? Commit()
    {
        if (IsCommit(id.Revision)) return id.Revision;
        try
        {
            return File.ReadAllText(Reference).Trim() is var commit && IsCommitName(commit) ? commit : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether a snapshot has config and all weights.</summary>
    public bool HasModel(string commit)
    {
        string folder = Snapshot(commit);
        if (!Opens(Path.Combine(folder, ModelConfig.FileName))) return false;
        if (Opens(Path.Combine(folder, WeightFiles.SingleFile))) return true;
        string index = Path.Combine(folder, WeightFiles.IndexFile);
        return Opens(index) && WeightFiles.ReadShards(index).All(shard => Opens(Path.Combine(folder, shard)));
    }

    /// <summary>Whether a snapshot has a tokenizer, or is known to be of a repository without.</summary>
    /// <remarks>Python fetches weights and tokenizer by separate calls, so a folder with the one may well lack the other.</remarks>
    public bool HasTokenizer(string commit) =>
        HubFiles.Tokenizers.Any(file => Opens(Path.Combine(Snapshot(commit), file))) || File.Exists(Absent(commit, HubFiles.Tokenizers[0]));

    public bool HasFile(string commit, string file) => Opens(Path.Combine(Snapshot(commit), file));

    /// <summary>Notes that a repository has no such file, where the Python tools note it.</summary>
    public void MarkAbsent(string commit, string file)
    {
        string path = Absent(commit, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite); // several processes may say so at once
    }

    /// <summary>Puts a finished blob into the snapshot, for whoever holds its lock: as a link, or where the system allows none (Windows), as a copy.</summary>
    public void Publish(string commit, string file, string etag)
    {
        string path = Path.Combine(Snapshot(commit), file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (Opens(path)) return;
        File.Delete(path); // a link whose blob somebody deleted
        try
        {
            settings.CreateLink(path, Path.Combine("..", "..", "blobs", etag));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string partial = path + ".partial";
            File.Copy(Blob(etag), partial, overwrite: true);
            File.Move(partial, path, overwrite: true);
        }
    }

    /// <summary>Notes which commit the revision is. The bytes are those of the Python tools: the hash and nothing else.</summary>
    public void WriteReference(string commit)
    {
        if (id.Revision == commit) return;
        Directory.CreateDirectory(Path.GetDirectoryName(Reference)!);
        string partial = Path.Combine(Folder, $".reference-{Path.GetRandomFileName()}"); // another process may write the same
        File.WriteAllText(partial, commit);
        File.Move(partial, Reference, overwrite: true);
    }

    /// <summary>Whether a text out of a file or an answer can name a snapshot's folder.</summary>
    public static bool IsCommitName(string text) => text.Length is > 0 and <= 64 && text.All(char.IsAsciiLetterOrDigit);

    // A full hash means itself; anything shorter is a name to look up.
    private static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    private string Reference => Path.Combine([Folder, "refs", .. id.Revision.Split('/')]);

    private string Absent(string commit, string file) => Path.Combine(Folder, ".no_exist", commit, file);

    // File.Exists says yes to a link that points nowhere.
    private static bool Opens(string path)
    {
        try
        {
            using var handle = File.OpenHandle(path);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }
}
