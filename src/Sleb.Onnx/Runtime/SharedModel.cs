using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>A native model that several threads decode with: it is freed when it is disposed and its last session is closed.</summary>
internal sealed class SharedModel(Model model) : IDisposable
{
    private readonly Lock _gate = new();
    private int _sessions;
    private bool _disposed;

    /// <param name="maxLength">The session's cache is allocated for this many positions.</param>
    public DecodingSession Open(int batch, int maxLength)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _sessions++;
        }
        try
        {
            return new DecodingSession(model, batch, maxLength, Close);
        }
        catch
        {
            Close();
            throw;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (_sessions == 0) model.Dispose();
        }
    }

    private void Close()
    {
        lock (_gate)
            if (--_sessions == 0 && _disposed) model.Dispose();
    }
}
