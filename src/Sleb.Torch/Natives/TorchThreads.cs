using System.Runtime.InteropServices;

namespace Sleb.Torch.Natives;

/// <summary>Runs our own loops on the threads that libtorch computes with.</summary>
/// <remarks>
/// Between two operations libtorch's OpenMP threads spin, so threads of .NET's would have to wait for a core. The loops go to the same
/// team instead (GOMP_parallel, which is what a compiler makes of "omp parallel"): starting it takes a microsecond. Where libtorch comes
/// with another OpenMP, the calling thread does the work alone.
/// </remarks>
internal static unsafe class TorchThreads
{
    private static readonly OpenMP? Team = OpenMP.Find();

    /// <summary>Calls <paramref name="body"/>(arguments, first row, end) on each thread for its share of the rows. It must not throw.</summary>
    public static void ForRows(int rows, delegate*<void*, int, int, void> body, void* arguments)
    {
        if (Team is null)
        {
            body(arguments, 0, rows);
            return;
        }
        var loop = new Loop(body, arguments, rows);
        Team.Parallel(&Enter, &loop, 0, 0);
    }

    [UnmanagedCallersOnly]
    private static void Enter(void* data)
    {
        var loop = (Loop*)data;
        long thread = Team!.Thread(), threads = Team.Threads();
        loop->Body(loop->Arguments, (int)(loop->Rows * thread / threads), (int)(loop->Rows * (thread + 1) / threads));
    }

    private readonly struct Loop(delegate*<void*, int, int, void> body, void* arguments, int rows)
    {
        public readonly delegate*<void*, int, int, void> Body = body;
        public readonly void* Arguments = arguments;
        public readonly int Rows = rows;
    }

    private sealed class OpenMP(nint parallel, nint thread, nint threads)
    {
        public readonly delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void> Parallel =
            (delegate* unmanaged<delegate* unmanaged<void*, void>, void*, uint, uint, void>)parallel;
        public readonly delegate* unmanaged<int> Thread = (delegate* unmanaged<int>)thread, Threads = (delegate* unmanaged<int>)threads;

        public static OpenMP? Find() => LibTorch.Library("libgomp*.so*") is { } library
            && NativeLibrary.TryGetExport(library, "GOMP_parallel", out nint parallel)
            && NativeLibrary.TryGetExport(library, "omp_get_thread_num", out nint thread)
            && NativeLibrary.TryGetExport(library, "omp_get_num_threads", out nint threads) ? new(parallel, thread, threads) : null;
    }
}
