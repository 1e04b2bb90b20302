using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>Granite 3 (IBM 2024): Llama with multipliers on embeddings, attention scores, residual branches and logits.</summary>
internal static class Granite
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        Settings.RequireActivation(config, "hidden_act", "silu");
        var rotary = new Rotary(decoder, RotaryEmbedding.Create(config, config.HeadDim), config.HeadDim);
        double residual = config.Number("residual_multiplier", absent: 1);
        decoder.Begin(positions: !rotary.Fused, config.NumKeyValueHeads, config.HeadDim);

        string hidden = Scale(decoder, "/model/embed_tokens", decoder.Embed(Embedding), config.Number("embedding_multiplier", absent: 1)); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            int block = decoder.Survivors[i];
            string tensors = decoder.Family.BlockPrefix + block, path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + ".input_layernorm.weight");
            string attended = Attend(decoder, i, tensors + ".self_attn.", path + "/attn", normed, rotary);
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add", [hidden, Scale(decoder, path + "/attn/residual", attended, residual)]);
            normed = Norm(decoder, path + "/post_attention_layernorm", hidden, tensors + ".post_attention_layernorm.weight");
            string mixed = Mlp(decoder, tensors + ".mlp.", path + "/mlp", normed);
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, Scale(decoder, path + "/mlp/residual", mixed, residual)]);
        }
        string final = Norm(decoder, "/model/norm", hidden, "model.norm.weight");
        // The head is linear: its input can be divided as well as its output.
        decoder.Head(Scale(decoder, "/model/norm", final, 1 / config.Number("logits_scaling", absent: 1)), "lm_head.weight", Embedding);
    }

    private static string Attend(DecoderGraph decoder, int position, string tensors, string path, string input, Rotary rotary)
    {
        var config = decoder.Config;
        int queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        bool bias = config.Bool("attention_bias", absent: false);
        string qkv = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias,
            (tensors + "q_proj", queries), (tensors + "k_proj", keys), (tensors + "v_proj", keys));
        string attended = Attention.Packed(decoder, position, path, qkv, rotary, config.Number("attention_multiplier", absent: 1), window: null);
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

    private static string Scale(DecoderGraph decoder, string path, string input, double factor) =>
        decoder.Graph.Node("Mul", path + "/Scale", [input, decoder.Graph.Weight(path + "/scale", [], data => data.Write([(float)factor]))]);

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, decoder.Config.Number("rms_norm_eps", 1e-6));
}
