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
            var other => throw new NotSupportedException($"No Torch module is written for the architecture '{other}'."),
        };
    }
}
