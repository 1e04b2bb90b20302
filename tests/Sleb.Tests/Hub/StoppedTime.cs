namespace Sleb.Tests.Hub;

/// <summary>A clock that stands still until a minute is said to have passed for everybody who waits.</summary>
internal sealed class StoppedTime : TimeProvider
{
    private readonly List<StoppedTimer> _timers = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new StoppedTimer(() => callback(state));
        lock (_timers) _timers.Add(timer);
        return timer;
    }

    public void PassAMinute()
    {
        StoppedTimer[] timers;
        lock (_timers) timers = [.. _timers];
        foreach (var timer in timers) timer.Fire();
    }

    private sealed class StoppedTimer(Action callback) : ITimer
    {
        private bool _disposed;

        public void Fire()
        {
            if (!_disposed) callback();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() => _disposed = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
