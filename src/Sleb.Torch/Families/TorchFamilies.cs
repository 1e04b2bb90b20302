using Sleb.Core.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Families;

/// <summary>From a registry row's architecture to the module that runs it.</summary>
internal static class TorchFamilies
{
    /// <param name="ownHead">Whether the model has an output projection of its own, rather than the embedding's table.</param>
    /// <param name="device">Where parameters live; on <c>meta</c> they have names and shapes only.</param>
    public static CausalLM Create(Family family, ModelConfig config, bool ownHead, Device device)
    {
        LibTorch.EnsureLoaded();
        return family.Architecture switch
        {
            "llama" => new LlamaForCausalLM(config, ownHead, device),
            "opt" => new OptForCausalLM(config, ownHead, device),
            "gpt2" => new Gpt2ForCausalLM(config, ownHead, device),
            "gpt_neox" => new GptNeoXForCausalLM(config, ownHead, device),
            "phi" => new PhiForCausalLM(config, ownHead, device),
            "stablelm" => new StableLmForCausalLM(config, ownHead, device),
            "qwen2" => new Qwen2ForCausalLM(config, ownHead, device),
            "qwen3" => new Qwen3ForCausalLM(config, ownHead, device),
            "qwen3_moe" => new Qwen3MoeForCausalLM(config, ownHead, device),
            "olmo2" => new Olmo2ForCausalLM(config, ownHead, device),
            "smollm3" => new SmolLM3ForCausalLM(config, ownHead, device),
            "granite" => new GraniteForCausalLM(config, ownHead, device),
            "phi3" => new Phi3ForCausalLM(config, ownHead, device),
            "gemma2" => new Gemma2ForCausalLM(config, ownHead, device),
            "gemma3_text" => new Gemma3ForCausalLM(config, ownHead, device),
            var other => throw new NotSupportedException($"No Torch module is written for the architecture '{other}'."),
        };
    }
}
