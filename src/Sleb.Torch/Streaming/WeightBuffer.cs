using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;

namespace Sleb.Torch.Streaming;

/// <summary>Memory of one element type that weights take turns in: allocated once, touched when the first is read.</summary>
internal sealed class WeightBuffer(Checkpoint checkpoint, ScalarType type, long elements) : IDisposable
{
    /// <summary>A cache line of float32: a parameter starts where the allocator would have put it.</summary>
    private const long Alignment = 16;

    /// <summary>Elements read at once; on their way to another type they wait as float32.</summary>
    private const long Piece = 1 << 22;

    private readonly Tensor _memory = empty(elements, type).DetachFromDisposeScope();
    private long _used;

    public long Bytes => elements * (type == float32 ? 4 : 2);

    /// <summary>What a tensor of so many elements takes here.</summary>
    public static long Room(long elements) => (elements + Alignment - 1) / Alignment * Alignment;

    /// <summary>Takes back what was lent. Parameters keep their views, which the next ones overwrite.</summary>
    public void Clear() => _used = 0;

    /// <summary>Reads rows of a tensor and makes them the parameter's values.</summary>
    public void Lend(StreamedWeight weight, long firstRow, long rows)
    {
        using var scope = NewDisposeScope();
        long row = weight.Entry.Elements / weight.Rows, count = rows * row;
        var lent = _memory.narrow(0, _used, count);
        using var staging = type == float32 ? null : empty(Math.Min(Piece, count));
        for (long done = 0; done < count; done += Piece)
        {
            long length = Math.Min(Piece, count - done);
            using var target = lent.narrow(0, done, length);
            using var read = staging?.narrow(0, 0, length) ?? target.alias();
            checkpoint.Read(weight.Entry, MemoryMarshal.Cast<byte, float>(read.bytes), firstRow * row + done);
            if (staging is not null) target.copy_(read);
        }
        weight.Parameter.set_(lent.view([rows, .. weight.Entry.Shape[1..]]));
        _used += Room(count);
    }

    public void Dispose() => _memory.Dispose();
}
