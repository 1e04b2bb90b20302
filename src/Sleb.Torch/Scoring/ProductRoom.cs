namespace Sleb.Torch.Scoring;

/// <summary>The memory that kept products of all windows may take together.</summary>
internal sealed class ProductRoom(long bytes)
{
    public long Left { get; private set; } = bytes;

    /// <summary>Whether there was room.</summary>
    public bool Take(long bytes)
    {
        if (bytes > Left) return false;
        Left -= bytes;
        return true;
    }

    public void Give(long bytes) => Left += bytes;
}
