using System.Buffers;
using Sleb.Core.Checkpoints;

namespace Sleb.Torch.Streaming;

/// <summary>Brings weights into the system's file cache while the processor computes, through a small buffer: the process does not grow.</summary>
/// <remarks>posix_fadvise(WILLNEED) would do the same, but Linux cuts each such call to one request of the disk.</remarks>
internal sealed class ReadAhead(Checkpoint checkpoint) : IDisposable
{
    private const int BufferBytes = 1 << 20;

    private readonly CancellationTokenSource _stop = new();
    private Task _reading = Task.CompletedTask;

    /// <summary>Starts with these weights once those asked for before are there.</summary>
    public void Start(IReadOnlyList<StreamedWeight> weights) => _reading = _reading.ContinueWith(_ => Read(weights), TaskScheduler.Default);

    public void Dispose()
    {
        _stop.Cancel(); // a source without a timer holds nothing that would need disposing
        _reading.Wait();
    }

    private void Read(IReadOnlyList<StreamedWeight> weights)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            foreach (var (_, tensor) in weights)
                for (long done = 0; done < tensor.Bytes && !_stop.IsCancellationRequested; done += BufferBytes)
                    checkpoint.ReadBytes(tensor, done, buffer.AsSpan(0, (int)Math.Min(BufferBytes, tensor.Bytes - done)));
        }
        catch (Exception e) when (e is IOException or CheckpointException)
        {
            // The read that needs the bytes meets the same fault, and says so.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
