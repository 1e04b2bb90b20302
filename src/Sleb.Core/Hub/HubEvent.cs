namespace Sleb.Core.Hub;

/// <summary>What a download tells while it works.</summary>
internal abstract record HubEvent
{
    /// <summary>What is about to be downloaded; <paramref name="BytesKept"/> of it are there from an attempt before.</summary>
    public sealed record Planned(HubId Id, string Commit, string Endpoint, string CacheFolder, int Files, long Bytes, long BytesKept) : HubEvent;

    /// <summary>Bytes of all files that are there now.</summary>
    public sealed record Advanced(string File, long Bytes, long Total) : HubEvent;

    /// <summary>A connection broke; the next attempt comes after the delay.</summary>
    public sealed record Retrying(string File, string Reason, TimeSpan Delay) : HubEvent;

    /// <summary>Another process is downloading the same file; this one waits for it.</summary>
    public sealed record Waiting(string File) : HubEvent;

    /// <summary>Everything is there.</summary>
    public sealed record Finished(string Folder) : HubEvent;
}
