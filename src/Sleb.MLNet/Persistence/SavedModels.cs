using System.Collections.Concurrent;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet.Persistence;

/// <summary>From the state that a loaded pipeline carries in each row to its model, found and loaded at the first row.</summary>
internal static class SavedModels
{
    private static readonly ConcurrentDictionary<string, OpenedModel> Opened = new(StringComparer.Ordinal);

    // The state is one string constant, so the last answer is nearly always the right one.
    [ThreadStatic] private static string? _lastState;
    [ThreadStatic] private static OpenedModel? _last;

    public static OpenedModel Open(ReadOnlyMemory<char> state)
    {
        if (_lastState is not null && state.Span.SequenceEqual(_lastState)) return _last!;
        string json = state.ToString();
        lock (Opened) _last = Opened.GetOrAdd(json, static json => Load(SavedModel.Parse(json)));
        _lastState = json;
        return _last;
    }

    private static OpenedModel Load(SavedModel saved)
    {
        string folder = ModelLocator.Find(saved);
        var lease = ModelFolders.Acquire(folder, saved.Fingerprint, saved.Settings.GpuDeviceId, saved.Settings.FallbackToCpu);
        return new OpenedModel(lease.Model, saved.Settings);
    }
}
