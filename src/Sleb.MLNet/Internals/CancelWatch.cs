namespace Sleb.MLNet.Internals;

/// <summary>Turns ML.NET's cancel flag, which can only be polled, into a token.</summary>
internal sealed class CancelWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _source;
    private readonly Timer _timer;

    public CancelWatch(Func<bool> isCanceled, CancellationToken token)
    {
        _source = CancellationTokenSource.CreateLinkedTokenSource(token);
        if (isCanceled()) _source.Cancel();
        _timer = new Timer(_ => { if (isCanceled()) Cancel(); }, null, Interval, Interval);
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _timer.Dispose();
        _source.Dispose();
    }

    private void Cancel()
    {
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The last tick of a timer may still be running after it was disposed.
        }
    }
}
