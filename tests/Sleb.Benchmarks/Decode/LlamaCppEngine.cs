using System.Diagnostics;
using System.Numerics.Tensors;
using LLama;
using LLama.Common;
using LLama.Native;
using Sleb.MLNet.Latency;

namespace Sleb.Benchmarks.Decode;

/// <summary>A GGUF file in llama.cpp, as LLamaSharp brings it.</summary>
internal sealed class LlamaCppEngine : IDecodeEngine
{
    private readonly DecodeRequest _request;
    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;
    private readonly int[] _prompt;

    public LlamaCppEngine(string file, DecodeRequest request)
    {
        NativeLibraryConfig.All.WithLogCallback((_, _) => { }); // it tells all it does on standard error
        var parameters = new ModelParams(file)
        {
            ContextSize = (uint)request.Positions,
            BatchSize = (uint)request.PromptTokens, // the prompt in one go, as the other engine takes it
            UBatchSize = (uint)request.PromptTokens,
            Threads = request.Threads,
            BatchThreads = request.Threads,
            GpuLayerCount = 0,
        };
        _request = request;
        _weights = LLamaWeights.LoadFromFile(parameters);
        _context = _weights.CreateContext(parameters);
        _prompt = ModelLatency.Prompt(request.PromptTokens, _weights.Vocab.Count);
    }

    public DecodeRun Run()
    {
        _context.NativeHandle.MemoryClear();
        long start = Stopwatch.GetTimestamp();
        int next = Decode(_prompt, 0);
        var prefill = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < _request.NewTokens; i++) next = Decode([next], _prompt.Length + i);
        return DecodeRun.Of(_request, prefill, Stopwatch.GetElapsedTime(start));
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    /// <summary>The likeliest token behind some that follow each other.</summary>
    private int Decode(ReadOnlySpan<int> ids, int position)
    {
        var batch = new LLamaBatch();
        int last = 0;
        for (int i = 0; i < ids.Length; i++) last = batch.Add(ids[i], position + i, LLamaSeqId.Zero, logits: i == ids.Length - 1);
        var result = _context.NativeHandle.Decode(batch);
        if (result != DecodeResult.Ok) throw new InvalidOperationException($"llama.cpp failed at position {position}: {result}.");
        return TensorPrimitives.IndexOfMax<float>(_context.NativeHandle.GetLogitsIth(last));
    }
}
