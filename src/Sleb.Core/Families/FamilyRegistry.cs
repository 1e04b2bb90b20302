using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>The families this product prunes. A new one is a row here, a file in Sleb.Torch/Families and one in Sleb.Onnx/Families.</summary>
internal static class FamilyRegistry
{
    public static IReadOnlyList<Family> All { get; } =
    [
        new("llama", Architecture: "llama", BlockPrefix: "model.layers.", TiedByDefault: false) { Buffers = [".rotary_emb.inv_freq"] },
        new("mistral", Architecture: "llama", BlockPrefix: "model.layers.", TiedByDefault: false) { Buffers = [".rotary_emb.inv_freq"] },
        new("opt", Architecture: "opt", BlockPrefix: "model.decoder.layers.", TiedByDefault: true) { OptionalPrefix = "model." },
        new("gpt2", Architecture: "gpt2", BlockPrefix: "transformer.h.", TiedByDefault: true)
        {
            OptionalPrefix = "transformer.",
            Buffers = [".attn.bias", ".attn.masked_bias"],
            Spelling = new Dictionary<string, string>
            {
                ["hidden_size"] = "n_embd",
                ["num_hidden_layers"] = "n_layer",
                ["num_attention_heads"] = "n_head",
                ["max_position_embeddings"] = "n_positions",
            },
        },
        new("gpt_neox", Architecture: "gpt_neox", BlockPrefix: "gpt_neox.layers.", TiedByDefault: false)
        {
            Head = "embed_out.weight",
            Buffers = [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"],
            Spelling = new Dictionary<string, string> { ["rope_theta"] = "rotary_emb_base", ["partial_rotary_factor"] = "rotary_pct" },
        },
        new("phi", Architecture: "phi", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("stablelm", Architecture: "stablelm", BlockPrefix: "model.layers.", TiedByDefault: false) { Buffers = [".rotary_emb.inv_freq"] },
        new("qwen2", Architecture: "qwen2", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("qwen3", Architecture: "qwen3", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("qwen3_moe", Architecture: "qwen3_moe", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("olmo2", Architecture: "olmo2", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("smollm3", Architecture: "smollm3", BlockPrefix: "model.layers.", TiedByDefault: true),
        new("granite", Architecture: "granite", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("phi3", Architecture: "phi3", BlockPrefix: "model.layers.", TiedByDefault: false),
        new("gemma2", Architecture: "gemma2", BlockPrefix: "model.layers.", TiedByDefault: true),
        new("gemma3_text", Architecture: "gemma3_text", BlockPrefix: "model.layers.", TiedByDefault: true),
    ];

    public static Family? Find(string modelType) => All.FirstOrDefault(family => family.ModelType == modelType);

    /// <exception cref="CheckpointException">The model_type is not in the list.</exception>
    public static Family Get(string modelType) => Find(modelType)
        ?? throw new CheckpointException($"config.json has model_type '{Excerpt.Of(modelType)}', which is not supported; supported are {string.Join(", ", All.Select(family => family.ModelType))}.");
}
