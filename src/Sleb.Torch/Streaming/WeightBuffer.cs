using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;

namespace Sleb.Torch.Streaming;

/// <summary>The memory that blocks, and slices of the head, take turns in: float32, allocated once.</summary>
internal sealed class WeightBuffer(Checkpoint checkpoint, long elements) : IDisposable
{
    /// <summary>Floats of a cache line: a parameter starts where the allocator would have put it.</summary>
    private const long Alignment = 16;

    /// <summary>A span holds at most 2^31 bytes.</summary>
    private const long MaxRead = 1 << 24;

    private readonly Tensor _memory = empty(elements).DetachFromDisposeScope();
    private long _used;

    public long Bytes => elements * sizeof(float);

    public bool IsEmpty => _used == 0;

    /// <summary>What a tensor of so many elements takes here.</summary>
    public static long Room(long elements) => (elements + Alignment - 1) / Alignment * Alignment;

    /// <summary>Takes back what was lent. Parameters keep their views, which the next ones overwrite.</summary>
    public void Clear() => _used = 0;

    /// <summary>Reads rows of a tensor and makes them the parameter's values.</summary>
    public void Lend(StreamedWeight weight, long firstRow, long rows)
    {
        using var scope = NewDisposeScope();
        long row = weight.Entry.Elements / weight.Entry.Shape[0], count = rows * row;
        var lent = _memory.narrow(0, _used, count);
        for (long done = 0; done < count; done += MaxRead)
        {
            using var part = lent.narrow(0, done, Math.Min(MaxRead, count - done));
            checkpoint.Read(weight.Entry, MemoryMarshal.Cast<byte, float>(part.bytes), firstRow * row + done);
        }
        weight.Parameter.set_(lent.view([rows, .. weight.Entry.Shape[1..]]));
        _used += Room(count);
    }

    public void Dispose() => _memory.Dispose();
}
