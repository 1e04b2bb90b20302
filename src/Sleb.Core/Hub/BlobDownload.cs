using System.Net;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Hub;

/// <summary>Fetches one blob, for whoever holds its lock: it goes on from what an attempt before left, checks the hash, and moves into place only what is whole.</summary>
internal sealed class BlobDownload(HubClient client, HubCache cache, HubSettings settings, string commit, HubFile file)
{
    private const int BufferBytes = 1 << 17;

    private string Blob => cache.Blob(file.ETag);

    private string Incomplete => Blob + ".incomplete";

    /// <summary>Bytes that need not come again.</summary>
    public long Kept => new FileInfo(Incomplete) is { Exists: true } partial && partial.Length <= file.Bytes ? partial.Length : 0;

    /// <param name="advanced">Hears how many bytes of the blob are there.</param>
    /// <exception cref="CheckpointException">The bytes are not those announced.</exception>
    /// <exception cref="IOException">The connection broke too often, or the disk is full.</exception>
    public async Task Run(Action<long> advanced, Action<HubEvent> tell, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Blob)!);
        bool matches;
        try
        {
            using var hash = new BlobHash(file);
            using (var target = new FileStream(Incomplete, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0))
            {
                await TakeKept(target, hash, cancellationToken);
                await Fill(target, hash, advanced, tell, cancellationToken);
                target.Flush(flushToDisk: true); // a power cut must not leave a whole name over half a content
            }
            matches = hash.Matches();
        }
        catch (IOException e) when (e.HResult is 28 or unchecked((int)0x80070070) or unchecked((int)0x80070027)) // ENOSPC; Windows has two
        {
            throw HubDisk.Full(settings.CacheFolder, e);
        }
        if (matches)
        {
            File.Move(Incomplete, Blob, overwrite: true);
            return;
        }
        File.Delete(Incomplete);
        throw new CheckpointException($"The downloaded {file.Name} does not have the hash {file.ETag} that the hub announced, so it was deleted; try again.");
    }

    private async Task TakeKept(FileStream target, BlobHash hash, CancellationToken cancellationToken)
    {
        if (target.Length > file.Bytes) target.SetLength(0);
        byte[] buffer = new byte[BufferBytes];
        for (long left = target.Length; left > 0;)
        {
            int part = (int)Math.Min(left, buffer.Length);
            await target.ReadExactlyAsync(buffer.AsMemory(0, part), cancellationToken);
            hash.Append(buffer.AsSpan(0, part));
            left -= part;
        }
    }

    private async Task Fill(FileStream target, BlobHash hash, Action<long> advanced, Action<HubEvent> tell, CancellationToken cancellationToken)
    {
        var retry = new HubRetry(settings, file.Name, tell);
        while (target.Length < file.Bytes)
        {
            long before = target.Length;
            try
            {
                await Fetch(target, hash, advanced, cancellationToken);
                if (target.Length < file.Bytes) throw client.Broken(file.Name, null);
            }
            catch (HubConnectionException e)
            {
                await retry.Next(e, progressed: target.Length > before, cancellationToken);
            }
        }
    }

    private async Task Fetch(FileStream target, BlobHash hash, Action<long> advanced, CancellationToken cancellationToken)
    {
        using var stall = new HubStall(settings.Time, cancellationToken);
        using var response = await client.Open(commit, file.Name, target.Length, stall);
        if (target.Length > 0 && (response.StatusCode != HttpStatusCode.PartialContent || response.Content.Headers.ContentRange?.From != target.Length))
        {
            // The server does not do ranges, or begins elsewhere than asked.
            if (response.StatusCode == HttpStatusCode.PartialContent) throw new CheckpointException($"The server sends another part of {file.Name} than was asked for; check HF_ENDPOINT.");
            target.SetLength(0);
            hash.Restart();
        }
        using var source = await response.Content.ReadAsStreamAsync(cancellationToken);
        byte[] buffer = new byte[BufferBytes];
        while (true)
        {
            int read = await stall.Watch(token => source.ReadAsync(buffer, token).AsTask(), e => client.Broken(file.Name, e));
            if (read == 0) return;
            if (target.Length + read > file.Bytes)
            {
                target.SetLength(0);
                throw new CheckpointException($"The server sends more of {file.Name} than the {file.Bytes} bytes that the hub announced; try again.");
            }
            await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            hash.Append(buffer.AsSpan(0, read));
            advanced(target.Length);
        }
    }
}
