using System.Runtime.InteropServices;

namespace Sleb.Onnx;

/// <summary>
/// A second name of a file. The runtime opens external data by a bare name in the graph's own folder alone; a hard link is such a name, takes
/// no space, and outlives the first.
/// </summary>
internal static class HardLink
{
    /// <exception cref="IOException">The two places are not on one file system, or it has no hard links.</exception>
    public static void Create(string existing, string link)
    {
        bool made = OperatingSystem.IsWindows() ? CreateHardLinkW(link, existing, 0) : Link(existing, link) == 0;
        if (!made)
            throw new IOException($"{Path.GetDirectoryName(link)} cannot share {existing}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}. Weights are shared by a hard link, which both folders must be on one file system for.");
    }

    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    private static extern int Link([MarshalAs(UnmanagedType.LPUTF8Str)] string existing, [MarshalAs(UnmanagedType.LPUTF8Str)] string link);

    [DllImport("kernel32", SetLastError = true, CharSet = CharSet.Unicode)]
    private static extern bool CreateHardLinkW(string link, string existing, nint security);
}
