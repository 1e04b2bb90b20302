using System.Globalization;
using System.Runtime;

namespace Sleb.Torch.Natives;

/// <summary>What this process holds of the machine's memory, and how it stays small under a cap.</summary>
internal static class ProcessMemory
{
    /// <summary>Resident bytes, pages of mapped files included.</summary>
    public static long Resident()
    {
        const string path = "/proc/self/status", key = "VmRSS:";
        if (!File.Exists(path)) return Environment.WorkingSet;
        string line = File.ReadLines(path).First(line => line.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(key.Length).Trim().TrimEnd("kB "), CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>From here on neither heap keeps what is free.</summary>
    /// <param name="managedGrowth">Bytes that .NET's heap may grow by.</param>
    public static void KeepSmall(long managedGrowth)
    {
        Allocator.ReturnLargeBlocks();
        AppContext.SetData("GCHeapHardLimit", (ulong)(GC.GetTotalMemory(forceFullCollection: true) + managedGrowth));
        GC.RefreshMemoryLimit();
    }

    /// <summary>Gives back what a phase left behind.</summary>
    public static void Trim()
    {
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Allocator.GiveBack();
    }
}
