using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>Gemma 3 (Gemma Team 2025), text: local blocks with a RoPE of their own, every sixth global; queries and keys are normed head by head.</summary>
internal static class Gemma3
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        Settings.RequireActivation(config, "hidden_activation", "gelu_pytorch_tanh");
        Settings.RequireFalse(config, "use_bidirectional_attention");
        var local = new Rotary(decoder, RotaryEmbedding.CreateFor(BlockPattern.Local, config, config.HeadDim), config.HeadDim, "_local");
        var global = new Rotary(decoder, RotaryEmbedding.CreateFor(BlockPattern.Global, config, config.HeadDim), config.HeadDim);
        var windows = BlockPattern.Windows(config);
        decoder.Begin(positions: !global.Fused, config.NumKeyValueHeads, config.HeadDim);

        string hidden = decoder.Graph.Node("Mul", "/model/embed_tokens/Mul", [decoder.Embed(Embedding), Scalar(decoder, "/model/embed_tokens/scale", Math.Sqrt(config.HiddenSize))]); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            int block = decoder.Survivors[i];
            string tensors = decoder.Family.BlockPrefix + block, path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + ".input_layernorm.weight");
            string attended = Attend(decoder, i, tensors + ".self_attn.", path + "/attn", normed, windows[block] is null ? global : local, windows[block]);
            attended = Norm(decoder, path + "/post_attention_layernorm", attended, tensors + ".post_attention_layernorm.weight");
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add", [hidden, attended]);
            normed = Norm(decoder, path + "/pre_feedforward_layernorm", hidden, tensors + ".pre_feedforward_layernorm.weight");
            string mixed = Mlp(decoder, tensors + ".mlp.", path + "/mlp", normed);
            mixed = Norm(decoder, path + "/post_feedforward_layernorm", mixed, tensors + ".post_feedforward_layernorm.weight");
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, mixed]);
        }
        string final = Norm(decoder, "/model/norm", hidden, "model.norm.weight");
        if (Settings.SoftCap(config, "final_logit_softcapping", absent: null) is not { } cap)
        {
            decoder.Head(final, "lm_head.weight", Embedding);
            return;
        }
        decoder.Head(final, "lm_head.weight", Embedding, output: "/lm_head/MatMul/output_0");
        string limit = Scalar(decoder, "/lm_head/softcap", cap);
        string tanh = decoder.Graph.Node("Tanh", "/lm_head/Tanh", [decoder.Graph.Node("Div", "/lm_head/Div", ["/lm_head/MatMul/output_0", limit])]);
        decoder.Graph.Node("Mul", "/lm_head/Mul", [tanh, limit], (ReadOnlySpan<string>)["logits"]);
    }

    private static string Attend(DecoderGraph decoder, int position, string tensors, string path, string input, Rotary rotary, int? window)
    {
        var config = decoder.Config;
        int queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        bool bias = config.Bool("attention_bias", absent: false);
        string qkv = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias,
            (tensors + "q_proj", queries), (tensors + "k_proj", keys), (tensors + "v_proj", keys));
        var (query, key, value) = Attention.Split(decoder, path, qkv);
        query = Attention.HeadNorm(decoder, path + "/q_norm", query, tensors + "q_norm.weight", config.NumAttentionHeads, Epsilon(decoder), onePlus: true);
        key = Attention.HeadNorm(decoder, path + "/k_norm", key, tensors + "k_norm.weight", config.NumKeyValueHeads, Epsilon(decoder), onePlus: true);
        string attended = Attention.Separate(decoder, position, path, query, key, value, rotary, 1 / Math.Sqrt(config.Number("query_pre_attn_scalar", absent: 256)), window,
            Settings.SoftCap(config, "attn_logit_softcapping", absent: null));
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", queries, config.HiddenSize, bias);
    }

    /// <summary>GeGLU (Shazeer 2020) with GELU by its tanh form: down(gelu(gate(x)) * up(x)).</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int hidden = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        var (gate, up) = decoder.GateUp(path, input, tensors, hidden, inner, bias: false);
        string gelu = decoder.Graph.Node("Gelu", path + "/act_fn/Gelu", [gate], Attributes.Text("approximate", "tanh"));
        string product = decoder.Graph.Node("Mul", path + "/Mul", [gelu, up]);
        return decoder.Linear(path + "/down_proj", product, tensors + "down_proj", inner, hidden, bias: false);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, Epsilon(decoder), onePlus: true);

    private static double Epsilon(DecoderGraph decoder) => decoder.Config.Number("rms_norm_eps", 1e-6);

    private static string Scalar(DecoderGraph decoder, string name, double value) => decoder.Graph.Weight(name, [], data => data.Write([(float)value]));
}
