using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Sleb.Torch.Natives;

/// <summary>What this process holds of the machine's memory, and how it gives back what it no longer uses.</summary>
internal static partial class ProcessMemory
{
    /// <summary>glibc's names for its settings (malloc.h).</summary>
    private const int MmapThreshold = -3;

    /// <summary>Tensors of this size and more are pages of their own.</summary>
    private const int OwnPages = 1 << 20;

    /// <summary>What .NET's heap may grow by under a cap; it holds no weights.</summary>
    private const long ManagedGrowth = 128 << 20;

    /// <summary>Resident bytes, pages of mapped files included.</summary>
    public static long Resident() => Status("VmRSS:") ?? Environment.WorkingSet;

    /// <summary>The most that was ever resident.</summary>
    public static long Peak()
    {
        using var self = Process.GetCurrentProcess();
        return Status("VmHWM:") ?? self.PeakWorkingSet64;
    }

    /// <summary>
    /// Makes what is resident what is used. glibc keeps freed tensors for later ones, and those that lie between two live ones for
    /// good: 500 MB after some hundred blocks of 512 tokens, of which 60 were in use. It is a few percent faster that way.
    /// </summary>
    public static void KeepSmall()
    {
        if (OperatingSystem.IsLinux()) Call(() => _ = SetMalloc(MmapThreshold, OwnPages));
        AppContext.SetData("GCHeapHardLimit", (ulong)(GC.GetTotalMemory(forceFullCollection: true) + ManagedGrowth));
        GC.RefreshMemoryLimit();
    }

    /// <summary>Gives back what a phase left behind.</summary>
    public static void Trim()
    {
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux()) Call(() => _ = TrimMalloc(0));
    }

    /// <summary>Other C libraries have other allocators, or none of these calls.</summary>
    private static void Call(Action call)
    {
        try
        {
            call();
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
        }
    }

    private static long? Status(string key)
    {
        const string path = "/proc/self/status";
        if (!File.Exists(path)) return null;
        string line = File.ReadLines(path).First(line => line.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(key.Length).Trim().TrimEnd("kB"), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) * 1024;
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetMalloc(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimMalloc(nint pad);
}
