using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>One generator with its KV cache, its parameters and its logits. For one thread.</summary>
internal sealed class DecodingSession : IDisposable
{
    private readonly GeneratorParams _parameters;
    private readonly Generator _generator;
    private readonly Action _closed;
    private float[] _logits = [];

    /// <param name="closed">Called once everything native is freed.</param>
    public DecodingSession(Model model, int batch, int maxLength, int minLength, Action closed)
    {
        _closed = closed;
        _parameters = new GeneratorParams(model);
        try
        {
            _parameters.SetSearchOption("max_length", maxLength);
            _parameters.SetSearchOption("min_length", minLength);
            _parameters.SetSearchOption("batch_size", batch);
            _generator = new Generator(model, _parameters);
        }
        catch
        {
            _parameters.Dispose();
            throw;
        }
    }

    /// <summary>Runs the model over further ids: for one row as often as wanted, for a batch once.</summary>
    public void Append(ReadOnlySpan<int> ids) => _generator.AppendTokens(ids);

    /// <summary>GenAI's greedy step: one id per row; a row that has ended gives the pad id.</summary>
    public ReadOnlySpan<int> Step()
    {
        _generator.GenerateNextToken();
        return _generator.GetNextTokens();
    }

    public bool IsDone => _generator.IsDone();

    /// <summary>Forgets what was appended behind the first <paramref name="length"/> ids; for one row.</summary>
    public void RewindTo(int length) => _generator.RewindTo((ulong)length);

    /// <summary>Logits of the positions appended last, <c>[count, V]</c>; valid until the next call.</summary>
    public ReadOnlySpan<float> Logits(out int count) => Logits(0, out count);

    /// <summary>The same without the <paramref name="skipped"/> first of them.</summary>
    public ReadOnlySpan<float> Logits(int skipped, out int count)
    {
        using var tensor = _generator.GetOutput("logits");
        int positions = (int)tensor.Shape()[1], size = checked((int)tensor.NumElements()) / positions;
        count = positions - skipped;
        var logits = Room(count * size);
        Read(tensor, skipped * size, logits);
        return logits;
    }

    /// <summary>Logits of one of the positions appended last in each row of a batch, <c>[B, V]</c>; valid until the next call.</summary>
    public ReadOnlySpan<float> LogitsAt(ReadOnlySpan<int> positions)
    {
        using var tensor = _generator.GetOutput("logits");
        int length = (int)tensor.Shape()[1], size = (int)tensor.Shape()[2];
        var logits = Room(positions.Length * size);
        for (int row = 0; row < positions.Length; row++) Read(tensor, (row * length + positions[row]) * size, logits.Slice(row * size, size));
        return logits;
    }

    public void Dispose()
    {
        _generator.Dispose();
        _parameters.Dispose();
        _closed();
    }

    private Span<float> Room(int elements)
    {
        if (_logits.Length < elements) _logits = new float[elements];
        return _logits.AsSpan(0, elements);
    }

    private static void Read(Tensor tensor, int first, Span<float> logits)
    {
        switch (tensor.Type())
        {
            case ElementType.float32:
                tensor.GetData<float>().Slice(first, logits.Length).CopyTo(logits);
                break;
            case ElementType.float16: // folders that others wrote
                var halves = MemoryMarshal.Cast<ushort, Half>(tensor.GetData<ushort>()).Slice(first, logits.Length);
                for (int i = 0; i < logits.Length; i++) logits[i] = (float)halves[i];
                break;
            default:
                throw new NotSupportedException($"The model gives logits of type {tensor.Type()}; float32 and float16 are supported.");
        }
    }
}
