using Sleb.Core.Checkpoints;

namespace Sleb.Core.Hub;

/// <summary>Where a model lies and what it is called, for everybody who was given a folder or an id of the hub.</summary>
/// <param name="Folder">The folder with the model's files.</param>
/// <param name="Name">What folders made from it are named after.</param>
/// <param name="Id">The id that led there; null where a folder was given.</param>
internal sealed record ModelSource(string Folder, string Name, HubId? Id)
{
    private const string CachePrefix = "models--";

    /// <summary>Whether a text is looked up on the hub: what exists as a path is that path.</summary>
    public static bool IsId(string model) => !Path.Exists(model) && HubId.TryParse(model) is not null;

    public static ModelSource OfFolder(string folder) => new(folder, NameOf(folder), null);

    /// <summary>A folder that exists is that folder. An id is looked up in the cache, and what is not there is downloaded.</summary>
    /// <remarks>What is neither comes back as it is: the caller's own sentence says that the folder does not exist.</remarks>
    /// <exception cref="CheckpointException">The hub has no such model, does not give it, or gave something else.</exception>
    /// <exception cref="IOException">The hub cannot be reached, or the disk is full.</exception>
    public static ModelSource Find(string model, Func<HubSettings> settings, Action<HubEvent>? tell, CancellationToken cancellationToken)
    {
        if (!IsId(model)) return OfFolder(model);
        var id = HubId.TryParse(model)!;
        var gate = new Lock();
        void Tell(HubEvent happened)
        {
            lock (gate) tell?.Invoke(happened); // several questions are asked at once
        }
        // On the pool, since the caller may be a thread that others wait for, such as that of a window.
        return new(Task.Run(() => Find(id, settings(), Tell, cancellationToken), cancellationToken).GetAwaiter().GetResult(), id.Name, id);
    }

    private static async Task<string> Find(HubId id, HubSettings settings, Action<HubEvent> tell, CancellationToken cancellationToken)
    {
        var cache = new HubCache(settings, id);
        string? cached = cache.Commit() is { } commit && cache.HasModel(commit) ? commit : null;
        if (cached is not null && (settings.Offline || cache.HasTokenizer(cached))) return cache.Snapshot(cached);
        if (settings.Offline)
            throw new CheckpointException($"There is no folder {id}, and the model {id} is not in the cache {settings.CacheFolder}, or not whole; without --offline (Offline = true, HF_HUB_OFFLINE) it is downloaded.");
        // What is cached stays what it is: a branch that moved on must not bring a new model where a tokenizer alone is missing.
        var download = new HubDownload(settings, cached is null ? id : id with { Revision = cached }, cache, tell, cancellationToken);
        try
        {
            return await download.Run();
        }
        catch (Exception e) when (cached is not null && e is IOException or CheckpointException)
        {
            return cache.Snapshot(cached!); // whole but for the tokenizer, which whoever needs it will miss by name
        }
        catch (HubConnectionException e)
        {
            throw new IOException($"There is no folder {id} and no such model in the cache {settings.CacheFolder}, and {e.Message}", e);
        }
    }

    /// <summary>The folder's name; of a snapshot in the cache, whose name is a hash, the model's.</summary>
    public static string NameOf(string folder) => IdOf(folder).Split('/')[^1];

    /// <summary>The id of a snapshot in the cache, without its revision; of any other folder its name.</summary>
    public static string IdOf(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string? snapshots = Path.GetDirectoryName(folder), repository = Path.GetFileName(Path.GetDirectoryName(snapshots));
        return Path.GetFileName(snapshots) == "snapshots" && repository?.StartsWith(CachePrefix, StringComparison.Ordinal) == true
            ? repository[CachePrefix.Length..].Replace("--", "/", StringComparison.Ordinal)
            : Path.GetFileName(folder);
    }
}
