using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Sleb.Torch.Natives;

/// <summary>Loads libtorch and TorchSharp's shim before TorchSharp is touched, on systems where the shim alone does not load.</summary>
/// <remarks>
/// TorchSharp 0.107.0's linux-x64 shim was linked against GCC 13's libstdc++ (GLIBCXX_3.4.32) and fails to load on Debian 12 and
/// Ubuntu 22.04 (3.4.30). One symbol is at fault, so a patched copy in the user's cache loads. This class and
/// <see cref="ElfPatch"/> can go when TorchSharp ships a shim built on an older system.
/// </remarks>
internal static partial class LibTorch
{
    private const string Shim = "libLibTorchSharp.so";

    /// <summary>In the order in which they need each other; libgomp carries a hash in its name.</summary>
    private static readonly string[] LoadOrder = ["libgomp*.so*", "libc10.so", "libtorch_cpu.so", "libtorch.so"];

    private static readonly Lazy<bool> Loaded = new(Load);

    /// <summary>Call before the first TorchSharp type is used; cheap after the first time.</summary>
    /// <exception cref="DllNotFoundException">libtorch is not beside the application: the message names the package to add.</exception>
    public static void EnsureLoaded() => _ = Loaded.Value;

    /// <summary>One of libtorch's own libraries; null where it is not among them, as on other systems.</summary>
    public static nint? Library(string name)
    {
        EnsureLoaded();
        return Find(name) is { } path && NativeLibrary.TryLoad(path, out nint library) ? library : null;
    }

    private static bool Load()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) return true;
        string shim = Find(Shim) ?? throw Missing(Shim);
        SumInOneOrder();
        SpinAsThereIsRoom();
        foreach (string pattern in LoadOrder) NativeLibrary.Load(Find(pattern) ?? throw Missing(pattern));
        try
        {
            NativeLibrary.Load(shim);
        }
        catch (DllNotFoundException e) when (e.Message.Contains(ElfPatch.NewVersion, StringComparison.Ordinal))
        {
            NativeLibrary.Load(PatchedCopy(shim));
        }
        return true;
    }

    /// <summary>
    /// MKL may cut a product between threads as it finds them, and then sums in another order; a search promises the same bytes. In this
    /// mode (conditional numerical reproducibility) it does not, at the same speed, as long as it always takes as many threads.
    /// </summary>
    private static void SumInOneOrder()
    {
        _ = SetEnvironment("MKL_CBWR", "AUTO", overwrite: 0);
        _ = SetEnvironment("MKL_DYNAMIC", "FALSE", overwrite: 0);
        _ = SetEnvironment("OMP_DYNAMIC", "FALSE", overwrite: 0);
    }

    /// <summary>Whether to leave the cores to others between operations, whatever the machine is doing now: for processes that run many models at once.</summary>
    public static bool ShareCores { get; set; }

    /// <summary>
    /// libgomp's threads spin for milliseconds at the end of every operation. On idle cores that pays: the next operation starts at
    /// once, and a block of SmolLM2-135M takes 18 ms instead of 28. Where other work wants the same cores the threads spin against the
    /// very thread they wait for: a model of 5 million parameters took 22 s where it takes 1.7 s with 1000 rounds, which is what libgomp
    /// itself takes when it knows that it has more threads than cores.
    /// </summary>
    private static void SpinAsThereIsRoom()
    {
        if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null || Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") is not null) return;
        // .NET keeps its own copy of the environment; libgomp reads the process's when it is loaded.
        if (ShareCores || OthersRun()) _ = SetEnvironment("GOMP_SPINCOUNT", "1000", overwrite: 1);
    }

    /// <summary>Whether others use at least half of the cores at the moment; a load average would still remember the build before this run.</summary>
    private static bool OthersRun()
    {
        const int Samples = 8;
        int running = 0;
        for (int i = 0; i < Samples; i++)
        {
            // "0.20 0.18 0.12 1/80 11206": runnable tasks, this one included, of all.
            string[] fields = File.ReadAllText("/proc/loadavg").Split(' ', '/');
            running += int.Parse(fields[3], CultureInfo.InvariantCulture) - 1;
            Thread.Sleep(2);
        }
        return running >= Samples * Environment.ProcessorCount / 2.0;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    private static DllNotFoundException Missing(string name) => new(
        $"{name} was not found beside the application; add the package libtorch-cpu-linux-x64 (version 2.10.0) to the executable's project.");

    private static string? Find(string pattern)
    {
        // The host's list names every folder with native assets, whether published, copied or used from the package cache.
        string known = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        string[] folders = [.. known.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
            AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native")];
        return folders.Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, pattern)).FirstOrDefault();
    }

    private static string PatchedCopy(string shim)
    {
        byte[] image = File.ReadAllBytes(shim);
        string hash = Convert.ToHexStringLower(SHA256.HashData(image))[..16];
        string cache = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
        if (cache.Length == 0) cache = Path.GetTempPath(); // a user without a home
        string folder = Path.Combine(cache, "sleb", "torchsharp-" + hash), copy = Path.Combine(folder, Shim);
        if (File.Exists(copy)) return copy;
        ElfPatch.Apply(image);
        Directory.CreateDirectory(folder);
        string part = $"{copy}.{Environment.ProcessId}.part";
        File.WriteAllBytes(part, image);
        File.Move(part, copy, overwrite: true); // another process may have been faster: the bytes are the same
        return copy;
    }
}
