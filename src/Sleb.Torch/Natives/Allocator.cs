using System.Runtime.InteropServices;

namespace Sleb.Torch.Natives;

/// <summary>
/// glibc gives every large block back to the kernel when it is freed and faults it in again, page by page, when the next tensor of the
/// same size is made. A search makes the same few sizes millions of times, so it keeps them.
/// </summary>
internal static partial class Allocator
{
    private const int TrimThreshold = -1, TopPad = -2, MMapThreshold = -3, ArenaMax = -8;

    /// <summary>Call before the first tensor. Elsewhere than on glibc there is nothing to do.</summary>
    public static void KeepLargeBlocks()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad("libc.so.6", out var libc)) return;
        if (!NativeLibrary.TryGetExport(libc, "gnu_get_libc_version", out _)) return;
        _ = Set(ArenaMax, 1); // other threads' arenas hold blocks of 64 MB at most and map the rest
        _ = Set(MMapThreshold, 1 << 30);
        _ = Set(TrimThreshold, int.MaxValue);
        _ = Set(TopPad, 64 << 20);
    }

    /// <summary>
    /// The opposite, for a process under a memory cap: what is resident is what is used. Between two live blocks freed ones stay for good,
    /// which made 500 MB after some hundred blocks of a model, of which 60 were in use. It is a few percent slower.
    /// </summary>
    public static void ReturnLargeBlocks()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad("libc.so.6", out var libc) || !NativeLibrary.TryGetExport(libc, "mallopt", out _)) return;
        _ = Set(ArenaMax, 1);
        _ = Set(MMapThreshold, 1 << 17); // glibc's own, which it raises to the largest block freed unless it is set
        _ = Set(TrimThreshold, 1 << 20);
        _ = Set(TopPad, 0);
    }

    /// <summary>Gives what lies free back to the system: the search's blocks, before something else needs the memory.</summary>
    public static void GiveBack()
    {
        if (OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out var libc) && NativeLibrary.TryGetExport(libc, "malloc_trim", out _)) _ = Trim(0);
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
