using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases on queries, keys and values, and local attention in the upper blocks.</summary>
internal static class Qwen2
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        Settings.RequireActivation(config, "hidden_act", "silu");
        var rotary = new Rotary(decoder, RotaryEmbedding.Create(config, config.HeadDim), config.HeadDim);
        var windows = BlockPattern.Windows(config);
        decoder.Begin(positions: !rotary.Fused, config.NumKeyValueHeads, config.HeadDim);

        string hidden = decoder.Embed(Embedding); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            int block = decoder.Survivors[i];
            string tensors = decoder.Family.BlockPrefix + block, path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + ".input_layernorm.weight");
            string attended = Attend(decoder, i, tensors + ".self_attn.", path + "/attn", normed, rotary, windows[block]);
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add", [hidden, attended]);
            normed = Norm(decoder, path + "/post_attention_layernorm", hidden, tensors + ".post_attention_layernorm.weight");
            string mixed = Mlp(decoder, tensors + ".mlp.", path + "/mlp", normed);
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, mixed]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "model.norm.weight"), "lm_head.weight", Embedding);
    }

    private static string Attend(DecoderGraph decoder, int position, string tensors, string path, string input, Rotary rotary, int? window)
    {
        var config = decoder.Config;
        int queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        string qkv = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias: true,
            (tensors + "q_proj", queries), (tensors + "k_proj", keys), (tensors + "v_proj", keys));
        string attended = Attention.Packed(decoder, position, path, qkv, rotary, 1 / Math.Sqrt(config.HeadDim), window);
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", queries, config.HiddenSize, bias: false);
    }

    /// <summary>SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int hidden = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        var (gate, up) = decoder.GateUp(path, input, tensors, hidden, inner, bias: false);
        string sigmoid = decoder.Graph.Node("Sigmoid", path + "/act_fn/Sigmoid", [gate]);
        string silu = decoder.Graph.Node("Mul", path + "/act_fn/Mul", [gate, sigmoid]);
        string product = decoder.Graph.Node("Mul", path + "/Mul", [silu, up]);
        return decoder.Linear(path + "/down_proj", product, tensors + "down_proj", inner, hidden, bias: false);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, decoder.Config.Number("rms_norm_eps", 1e-6));
}
