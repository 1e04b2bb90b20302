using Sleb.Core.Checkpoints;

namespace Sleb.Core.Hub;

/// <summary>Brings the files of one revision into the cache: asks what there is, says what will come, fetches, checks, publishes.</summary>
internal sealed class HubDownload(HubSettings settings, HubId id, HubCache cache, Action<HubEvent> tell, CancellationToken cancellationToken)
{
    private const int QuestionsAtOnce = 8;

    /// <summary>The snapshot's folder.</summary>
    public async Task<string> Run()
    {
        using var client = new HubClient(settings, id);
        var revision = await Ask(id.ToString(), client.ReadRevision, cancellationToken);
        string commit = revision.Commit;
        var names = HubFiles.Select(id, revision.Files);
        var files = await Describe(client, commit, names);
        if (names.Contains(WeightFiles.IndexFile))
        {
            // How much there is to download stands in no list, so the index comes before anything is announced: it is small.
            string index = Path.Combine(cache.Snapshot(commit), WeightFiles.IndexFile);
            foreach (var file in files.Where(file => file.Name == WeightFiles.IndexFile)) await Fetch(client, commit, file, _ => { });
            files = [.. files.Where(file => file.Name != WeightFiles.IndexFile), .. await Describe(client, commit, HubFiles.Shards(id, index, revision.Files))];
        }
        await Fetch(client, commit, files);
        if (!revision.Files.Any(HubFiles.Tokenizers.Contains)) cache.MarkAbsent(commit, HubFiles.Tokenizers[0]);
        cache.WriteReference(commit); // last, so that a revision which is known is a revision which is whole
        return cache.Snapshot(commit);
    }

    private async Task Fetch(HubClient client, string commit, IReadOnlyList<HubFile> files)
    {
        // Two names may have one content, which is one blob; another revision may have brought it already.
        var wanted = files.DistinctBy(file => file.ETag).Where(file => !File.Exists(cache.Blob(file.ETag))).ToList();
        var there = wanted.ToDictionary(file => file.ETag, file => new BlobDownload(client, cache, settings, commit, file).Kept);
        long total = wanted.Sum(file => file.Bytes), done = there.Values.Sum();
        HubDisk.Check(settings, total - done);
        bool anything = wanted.Count > 0;
        if (anything) tell(new HubEvent.Planned(id, commit, settings.Endpoint, settings.CacheFolder, wanted.Count, total, done));
        foreach (var file in files)
            await Fetch(client, commit, file, bytes =>
            {
                done += bytes - there[file.ETag];
                there[file.ETag] = bytes;
                tell(new HubEvent.Advanced(file.Name, done, total));
            });
        if (anything) tell(new HubEvent.Finished(cache.Snapshot(commit)));
    }

    private async Task Fetch(HubClient client, string commit, HubFile file, Action<long> advanced)
    {
        using var taken = await BlobLock.Take(cache.LockFile(file.ETag), settings, () => tell(new HubEvent.Waiting(file.Name)), cancellationToken);
        // Whoever held the lock before may have fetched it.
        if (!File.Exists(cache.Blob(file.ETag))) await new BlobDownload(client, cache, settings, commit, file).Run(advanced, tell, cancellationToken);
        cache.Publish(commit, file.Name, file.ETag);
    }

    /// <summary>Asks for those files alone that the snapshot lacks; the order stays.</summary>
    private async Task<IReadOnlyList<HubFile>> Describe(HubClient client, string commit, IReadOnlyList<string> names)
    {
        string[] missing = [.. names.Where(name => !cache.HasFile(commit, name))];
        var files = new HubFile[missing.Length];
        var options = new ParallelOptions { MaxDegreeOfParallelism = QuestionsAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, missing.Length, options, async (i, token) => files[i] = await Ask(missing[i], each => client.ReadFile(commit, missing[i], each), token));
        return files;
    }

    private Task<T> Ask<T>(string what, Func<CancellationToken, Task<T>> question, CancellationToken token) => HubRetry.Ask(settings, what, tell, question, token);
}
