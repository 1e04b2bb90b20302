using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>SmolLM3 (Hugging Face 2025): Llama, but some blocks have no position embedding (NoPE, Yang et al. 2025).</summary>
internal static class SmolLM3
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        Settings.RequireActivation(config, "hidden_act", "silu");
        var rotary = new Rotary(decoder, RotaryEmbedding.Create(config, config.HeadDim, defaultTheta: 2e6), config.HeadDim);
        var windows = BlockPattern.Windows(config);
        bool[] rope = BlockPattern.HasRope(config);
        decoder.Begin(positions: !rotary.Fused, config.NumKeyValueHeads, config.HeadDim);

        string hidden = decoder.Embed(Embedding); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            int block = decoder.Survivors[i];
            string tensors = decoder.Family.BlockPrefix + block, path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + ".input_layernorm.weight");
            string attended = Attend(decoder, i, tensors + ".self_attn.", path + "/attn", normed, rope[block] ? rotary : null, windows[block]);
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add", [hidden, attended]);
            normed = Norm(decoder, path + "/post_attention_layernorm", hidden, tensors + ".post_attention_layernorm.weight");
            string mixed = Mlp(decoder, tensors + ".mlp.", path + "/mlp", normed);
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, mixed]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "model.norm.weight"), "lm_head.weight", Embedding);
    }

    private static string Attend(DecoderGraph decoder, int position, string tensors, string path, string input, Rotary? rotary, int? window)
    {
        var config = decoder.Config;
        int queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        bool bias = config.Bool("attention_bias", absent: false);
        string qkv = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias,
            (tensors + "q_proj", queries), (tensors + "k_proj", keys), (tensors + "v_proj", keys));
        string attended = Attention.Packed(decoder, position, path, qkv, rotary, 1 / Math.Sqrt(config.HeadDim), window);
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", queries, config.HiddenSize, bias);
    }

    /// <summary>SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int hidden = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        bool bias = decoder.Config.Bool("mlp_bias", absent: false);
        var (gate, up) = decoder.GateUp(path, input, tensors, hidden, inner, bias);
        string sigmoid = decoder.Graph.Node("Sigmoid", path + "/act_fn/Sigmoid", [gate]);
        string silu = decoder.Graph.Node("Mul", path + "/act_fn/Mul", [gate, sigmoid]);
        string product = decoder.Graph.Node("Mul", path + "/Mul", [silu, up]);
        return decoder.Linear(path + "/down_proj", product, tensors + "down_proj", inner, hidden, bias);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, decoder.Config.Number("rms_norm_eps", 1e-6));
}
