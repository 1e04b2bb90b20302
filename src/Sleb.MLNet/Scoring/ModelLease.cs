namespace Sleb.MLNet.Scoring;

/// <summary>The right to use a loaded model until disposed.</summary>
internal sealed class ModelLease(IScoringModel model, Action release) : IDisposable
{
    private Action? _release = release;

    public IScoringModel Model => model;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
