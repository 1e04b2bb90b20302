using System.Runtime.InteropServices;

namespace Sleb.Torch.Natives;

/// <summary>Memory for numbers that stay, in pieces of a few sizes that come again and again.</summary>
/// <remarks>Among the tensors that come and go, pieces that stay break up what is free: libtorch's own allocator then holds half as much again.</remarks>
internal sealed unsafe class KeptMemory : IDisposable
{
    private const int Chunk = 64 << 20, Page = 4096, Alignment = 64;

    private readonly List<nint> _chunks = [];
    private readonly Dictionary<long, Stack<nint>> _free = [];
    private nint _next, _end;

    /// <summary>A piece of its own, not cleared.</summary>
    public nint Take(long bytes)
    {
        if (_free.TryGetValue(bytes, out var pieces) && pieces.TryPop(out nint piece)) return piece;
        long room = (bytes + Alignment - 1) / Alignment * Alignment;
        if (_end - _next < room)
        {
            long size = Math.Max(Chunk, room);
            _next = (nint)NativeMemory.AlignedAlloc((nuint)size, Alignment);
            TorchThreads.ForRows((int)(size / Page), &Touch, (void*)_next);
            _end = _next + (nint)size;
            _chunks.Add(_next);
        }
        piece = _next;
        _next += (nint)room;
        return piece;
    }

    /// <summary>For the next one who takes as much.</summary>
    public void Give(nint piece, long bytes)
    {
        if (!_free.TryGetValue(bytes, out var pieces)) _free.Add(bytes, pieces = new());
        pieces.Push(piece);
    }

    /// <summary>Whoever holds a piece must not touch it any more.</summary>
    public void Dispose()
    {
        _chunks.ForEach(chunk => NativeMemory.AlignedFree((void*)chunk));
        _chunks.Clear();
        _free.Clear();
        _next = _end = 0;
    }

    /// <summary>Faults pages in on all cores: later, in the midst of a loop, one would wait for the other.</summary>
    private static void Touch(void* chunk, int first, int end)
    {
        for (long page = first; page < end; page++) ((byte*)chunk)[page * Page] = 0;
    }
}
