namespace Sleb.Core.Hub;

/// <summary>Lets one process at a time write a blob, whichever tool it is: an exclusively opened file, which on Unix is flock.</summary>
internal static class BlobLock
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    /// <summary>Takes the lock, or waits for it; disposing gives it back. The file stays, as the Python tools leave it.</summary>
    public static async Task<IDisposable> Take(string path, HubSettings settings, Action waiting, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (bool told = false; ; told = true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (IsTaken(e))
            {
                if (!told) waiting();
                await settings.Pause(Poll, cancellationToken);
            }
        }
    }

    /// <summary>EAGAIN of Linux and of macOS; the sharing and the lock violation of Windows.</summary>
    private static bool IsTaken(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020) or unchecked((int)0x80070021);
}
