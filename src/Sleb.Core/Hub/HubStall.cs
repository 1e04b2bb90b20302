namespace Sleb.Core.Hub;

/// <summary>Ends a wait on the network when nothing has come for a while, and tells a silent or broken connection from a cancel.</summary>
internal sealed class HubStall : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource _silence;
    private readonly CancellationTokenSource _either;
    private readonly CancellationToken _cancellationToken;

    public HubStall(TimeProvider time, CancellationToken cancellationToken)
    {
        _silence = new(Patience, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_silence.Token, cancellationToken);
        _cancellationToken = cancellationToken;
    }

    /// <summary>One wait, with the whole patience for itself.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async Task<T> Watch<T>(Func<CancellationToken, Task<T>> wait, Func<Exception, HubConnectionException> broken)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        _silence.CancelAfter(Patience);
        try
        {
            return await wait(_either.Token);
        }
        catch (OperationCanceledException e) when (!_cancellationToken.IsCancellationRequested)
        {
            throw broken(new TimeoutException($"nothing came for {Patience.TotalSeconds:0} seconds", e));
        }
        catch (Exception e) when (e is HttpRequestException or IOException && !_cancellationToken.IsCancellationRequested)
        {
            throw broken(e);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A connection that the cancel itself tore down is a cancel, whatever it looks like.
            _cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
    }

    public void Dispose()
    {
        _either.Dispose();
        _silence.Dispose();
    }
}
