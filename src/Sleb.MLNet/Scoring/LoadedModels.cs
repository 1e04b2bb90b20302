namespace Sleb.MLNet.Scoring;

/// <summary>
/// The models this process has loaded, each once, however many transformers, cursors and loaded pipelines use it. A pipeline that
/// ML.NET loaded from a file has no owner that would dispose it, so whatever is still here when the process ends is released then.
/// </summary>
internal static class LoadedModels
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<Key, Entry> Entries = [];
    private static bool _exiting;

    static LoadedModels() => AppDomain.CurrentDomain.ProcessExit += (_, _) => ReleaseAll();

    /// <param name="Fingerprint">Of the model folder.</param>
    /// <param name="GpuDeviceId">Null is the CPU.</param>
    /// <param name="FallbackToCpu">Part of the key: it decides what a missing GPU leads to.</param>
    internal sealed record Key(string Fingerprint, int? GpuDeviceId, bool FallbackToCpu);

    private sealed class Entry(Func<IScoringModel> load)
    {
        public Lazy<IScoringModel> Model { get; } = new(load);
        public int Leases { get; set; }
    }

    /// <summary>Makes sure that models are released before whatever the caller does when the process ends.</summary>
    public static void ReleaseOnExit() => System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(LoadedModels).TypeHandle);

    /// <summary>How many models are loaded or being loaded.</summary>
    public static int Count
    {
        get { lock (Gate) return Entries.Count; }
    }

    /// <summary>The model of a key, loaded by <paramref name="load"/> where this process has not loaded it.</summary>
    public static ModelLease Acquire(Key key, Func<IScoringModel> load)
    {
        Entry? entry;
        lock (Gate)
        {
            if (_exiting) throw new InvalidOperationException("The process is ending: its models are released.");
            if (!Entries.TryGetValue(key, out entry)) Entries.Add(key, entry = new(load));
            entry.Leases++;
        }
        try
        {
            return new ModelLease(entry.Model.Value, () => Release(key, entry));
        }
        catch
        {
            Release(key, entry); // a failed load is not remembered: the next caller tries again
            throw;
        }
    }

    private static void Release(Key key, Entry entry)
    {
        lock (Gate)
        {
            if (--entry.Leases > 0 || _exiting) return;
            Entries.Remove(key);
        }
        if (IsLoaded(entry)) entry.Model.Value.Dispose();
    }

    private static void ReleaseAll()
    {
        List<Entry> left;
        lock (Gate)
        {
            _exiting = true;
            left = [.. Entries.Values];
            Entries.Clear();
        }
        foreach (var entry in left)
            if (IsLoaded(entry)) entry.Model.Value.Dispose();
    }

    // After a load that threw, IsValueCreated is false.
    private static bool IsLoaded(Entry entry) => entry.Model.IsValueCreated;
}
