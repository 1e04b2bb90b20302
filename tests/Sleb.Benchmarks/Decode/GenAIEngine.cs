using Sleb.Cli.Commands;
using Sleb.MLNet.Latency;
using Sleb.Onnx.Runtime;

namespace Sleb.Benchmarks.Decode;

/// <summary>A folder in ONNX Runtime GenAI, as the product runs it.</summary>
internal sealed class GenAIEngine(string folder, DecodeRequest request) : IDecodeEngine
{
    private readonly GenAIModel _model = GenAIModel.Load(ModelPath.RequireGenAI(folder), threads: request.Threads);

    public DecodeRun Run()
    {
        var (prefill, decode) = _model.Time(ModelLatency.Prompt(request.PromptTokens, _model.VocabSize), request.NewTokens);
        return DecodeRun.Of(request, prefill, decode);
    }

    public void Dispose() => _model.Dispose();
}
