using System.Globalization;

namespace Sleb.Core.Hub;

/// <summary>The disk that the cache lies on.</summary>
internal static class HubDisk
{
    /// <exception cref="IOException">The disk has less than is needed.</exception>
    public static void Check(HubSettings settings, long needed)
    {
        if (settings.FreeSpace(settings.CacheFolder) is { } free && free < needed)
            throw new IOException(string.Create(CultureInfo.InvariantCulture,
                $"The download needs {needed:#,0} bytes in {settings.CacheFolder}, where {free:#,0} are free; free some, or set HF_HUB_CACHE to another disk."));
    }

    public static IOException Full(string folder, Exception inner) =>
        new($"The disk of {folder} is full; free some space, or set HF_HUB_CACHE to another disk. What came so far is kept, and the same call goes on from there.", inner);
}
