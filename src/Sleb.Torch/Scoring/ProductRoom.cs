using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>Where products are kept, and what those of all windows may take together.</summary>
internal sealed class ProductRoom(long bytes) : IDisposable
{
    public KeptMemory Memory { get; } = new();

    public long Left { get; private set; } = bytes;

    /// <summary>Whether there was room.</summary>
    public bool Take(long bytes)
    {
        if (bytes > Left) return false;
        Left -= bytes;
        return true;
    }

    public void Give(long bytes) => Left += bytes;

    public void Dispose() => Memory.Dispose();
}
