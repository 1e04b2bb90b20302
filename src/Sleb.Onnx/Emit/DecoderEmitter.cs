using Sleb.Core.Families;
using Sleb.Onnx.Families;

namespace Sleb.Onnx.Emit;

/// <summary>The emit file of each architecture; the key is <see cref="Family.Architecture"/>.</summary>
internal static class DecoderEmitter
{
    private static readonly Dictionary<string, Action<DecoderGraph>> ByArchitecture = new(StringComparer.Ordinal)
    {
        ["llama"] = Llama.Emit,
        ["opt"] = Opt.Emit,
        ["gpt2"] = Gpt2.Emit,
        ["gpt_neox"] = GptNeoX.Emit,
        ["phi"] = Phi.Emit,
        ["stablelm"] = StableLm.Emit,
        ["qwen2"] = Qwen2.Emit,
        ["qwen3"] = Qwen3.Emit,
        ["qwen3_moe"] = Qwen3Moe.Emit,
        ["olmo2"] = Olmo2.Emit,
        ["smollm3"] = SmolLM3.Emit,
        ["granite"] = Granite.Emit,
        ["phi3"] = Phi3.Emit,
        ["gemma2"] = Gemma2.Emit,
        ["gemma3_text"] = Gemma3.Emit,
    };

    public static void Emit(DecoderGraph decoder)
    {
        if (!ByArchitecture.TryGetValue(decoder.Family.Architecture, out var emit))
            throw new NotSupportedException($"Models of type '{decoder.Family.ModelType}' cannot be written as ONNX yet.");
        emit(decoder);
        decoder.Graph.WidenOutput("logits");
    }
}
