namespace Sleb.Core.Hub;

/// <summary>Waits longer from attempt to attempt, and gives up after a few that brought nothing.</summary>
internal sealed class HubRetry(HubSettings settings, string file, Action<HubEvent> tell)
{
    public const int MostAttempts = 6;

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(2);

    private int _failed;

    /// <summary>Takes note of an attempt that failed: returns when the next one may start.</summary>
    /// <exception cref="IOException">It was one too many.</exception>
    public async Task Next(HubConnectionException e, bool progressed, CancellationToken cancellationToken)
    {
        _failed = progressed ? 1 : _failed + 1;
        if (_failed == MostAttempts)
            throw new IOException($"{e.Message} It was tried {MostAttempts} times; what came before is kept, and the same call goes on from there.", e);
        var delay = TimeSpan.FromSeconds(1 << (_failed - 1));
        if (e.RetryAfter > delay) delay = e.RetryAfter < Longest ? e.RetryAfter.Value : Longest;
        tell(new HubEvent.Retrying(file, e.Message, delay));
        await settings.Pause(delay, cancellationToken);
    }

    /// <summary>A question that leaves nothing half-done, asked until it is answered. Where nobody was ever reached, there is no network.</summary>
    public static async Task<T> Ask<T>(HubSettings settings, string file, Action<HubEvent> tell, Func<CancellationToken, Task<T>> question, CancellationToken cancellationToken)
    {
        var retry = new HubRetry(settings, file, tell);
        while (true)
        {
            try
            {
                return await question(cancellationToken);
            }
            catch (HubConnectionException e) when (e.Reached)
            {
                await retry.Next(e, progressed: false, cancellationToken);
            }
        }
    }
}
