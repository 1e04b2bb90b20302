using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>A native model that several threads decode with: it is freed when it is disposed and its last session is closed.</summary>
internal sealed class SharedModel(Model model) : IDisposable
{
    private readonly Lock _gate = new();
    private int _sessions;
    private bool _disposed;

    /// <param name="maxLength">The session's cache is allocated for this many positions.</param>
    /// <param name="minLength">No text ends before this many positions.</param>
    public DecodingSession Open(int batch, int maxLength, int minLength = 0)
    {
        Enter();
        try
        {
            return new DecodingSession(model, batch, maxLength, minLength, Close);
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <summary>Messages (a JSON array) in the chat template of the folder, up to where the assistant's answer begins.</summary>
    public string ApplyChatTemplate(string messages)
    {
        Enter();
        try
        {
            using var tokenizer = OpenTokenizer();
            return tokenizer.ApplyChatTemplate(null, messages, null, add_generation_prompt: true);
        }
        finally
        {
            Close();
        }
    }

    /// <summary>The ids that GenAI's own tokenizer gives, without special tokens.</summary>
    public IReadOnlyList<int[]> Encode(IReadOnlyList<string> texts)
    {
        Enter();
        try
        {
            using var tokenizer = OpenTokenizer();
            return [.. texts.Select(text =>
            {
                using var sequences = tokenizer.Encode(text);
                return sequences[0].ToArray();
            })];
        }
        finally
        {
            Close();
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

    /// <summary>
    /// GenAI's tokenizer object crashes the process in its finalizer when its constructor failed, as it does without a
    /// tokenizer_config.json. So the object gives up its finalizer before the constructor runs.
    /// </summary>
    private Tokenizer OpenTokenizer()
    {
        var tokenizer = (Tokenizer)RuntimeHelpers.GetUninitializedObject(typeof(Tokenizer));
        GC.SuppressFinalize(tokenizer);
        typeof(Tokenizer).GetConstructor([typeof(Model)])!.Invoke(tokenizer, BindingFlags.DoNotWrapExceptions, null, [model], null);
        return tokenizer;
    }

    private void Enter()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _sessions++;
        }
    }

    private void Close()
    {
        lock (_gate)
            if (--_sessions == 0 && _disposed) model.Dispose();
    }
}
