using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>Qwen 3 with a mixture of experts (Yang et al. 2025): Qwen 3 whose MLPs are a router and many small MLPs.</summary>
internal static class Qwen3Moe
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        Settings.RequireActivation(config, "hidden_act", "silu");
        var rotary = new Rotary(decoder, RotaryEmbedding.Create(config, config.HeadDim), config.HeadDim);
        var windows = BlockPattern.Windows(config);
        bool[] sparse = BlockPattern.IsSparse(config);
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
            string mixed = sparse[block] ? Experts(decoder, tensors + ".mlp.", path + "/moe", normed)
                : Mlp(decoder, tensors + ".mlp.", path + "/mlp", normed, config.IntermediateSize);
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, mixed]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "model.norm.weight"), "lm_head.weight", Embedding);
    }

    private static string Attend(DecoderGraph decoder, int position, string tensors, string path, string input, Rotary rotary, int? window)
    {
        var config = decoder.Config;
        int queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        bool bias = config.Bool("attention_bias", absent: false);
        string qkv = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias,
            (tensors + "q_proj", queries), (tensors + "k_proj", keys), (tensors + "v_proj", keys));
        var (query, key, value) = Attention.Split(decoder, path, qkv);
        query = Attention.HeadNorm(decoder, path + "/q_norm", query, tensors + "q_norm.weight", config.NumAttentionHeads, Epsilon(decoder));
        key = Attention.HeadNorm(decoder, path + "/k_norm", key, tensors + "k_norm.weight", config.NumKeyValueHeads, Epsilon(decoder));
        string attended = Attention.Separate(decoder, position, path, query, key, value, rotary, 1 / Math.Sqrt(config.HeadDim), window);
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", queries, config.HiddenSize, bias);
    }

    /// <summary>Each token's top experts, weighted by the router's softmax (Shazeer et al. 2017).</summary>
    /// <remarks>Every expert is computed for every token, those not chosen with weight 0: exact, and as slow as a dense model of all of them.</remarks>
    private static string Experts(DecoderGraph decoder, string tensors, string path, string input)
    {
        var config = decoder.Config;
        var (count, top) = Settings.Experts(config);
        string weights = Router(decoder, tensors + "gate", path + "/router", input, count, top); // (B, S, E)
        var outputs = new string[count];
        for (int e = 0; e < count; e++)
        {
            string expert = Mlp(decoder, $"{tensors}experts.{e}.", $"{path}/experts.{e}", input, config.Int("moe_intermediate_size", absent: 768));
            string weight = decoder.Graph.Node("Gather", $"{path}/experts.{e}/Gather", [weights, decoder.Graph.Constant(e)], Attributes.Int("axis", -1)); // (B, S, 1)
            outputs[e] = decoder.Graph.Node("Mul", $"{path}/experts.{e}/weighted/Mul", [expert, weight]);
        }
        return decoder.Graph.Node("Sum", path + "/Sum", outputs);
    }

    /// <summary>The weight of each expert for each token, 0 for all but the top ones: (B, S, E).</summary>
    private static string Router(DecoderGraph decoder, string tensor, string path, string input, int count, int top)
    {
        string logits = decoder.Exact(path, input, tensor, decoder.Config.HiddenSize, count);
        return decoder.InFloat32(path, logits, wide => Weights(decoder, path, wide, top));
    }

    /// <remarks>In float32, as transformers does it: two experts that are nearly equal are not chosen by rounding.</remarks>
    private static string Weights(DecoderGraph decoder, string path, string logits, int top)
    {
        var graph = decoder.Graph;
        string all = graph.Node("Softmax", path + "/Softmax", [logits], Attributes.Int("axis", -1));
        string best = path + "/TopK/output_0", indices = path + "/TopK/output_1";
        graph.Node("TopK", path + "/TopK", [all, graph.Constant(top)], (ReadOnlySpan<string>)[best, indices], Attributes.Int("axis", -1));
        if (decoder.Config.Bool("norm_topk_prob", absent: false))
        {
            string sum = graph.Node("ReduceSum", path + "/ReduceSum", [best, graph.Constant(-1)], Attributes.Int("keepdims", 1));
            best = graph.Node("Div", path + "/Div", [best, sum]);
        }
        string shape = graph.Node("Shape", path + "/Shape", [all]);
        string none = graph.Node("ConstantOfShape", path + "/ConstantOfShape", [shape]); // float zeros
        return graph.Node("ScatterElements", path + "/ScatterElements", [none, indices, best], Attributes.Int("axis", -1));
    }

    /// <summary>SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input, int inner)
    {
        int hidden = decoder.Config.HiddenSize;
        var (gate, up) = decoder.GateUp(path, input, tensors, hidden, inner, bias: false);
        string sigmoid = decoder.Graph.Node("Sigmoid", path + "/act_fn/Sigmoid", [gate]);
        string silu = decoder.Graph.Node("Mul", path + "/act_fn/Mul", [gate, sigmoid]);
        string product = decoder.Graph.Node("Mul", path + "/Mul", [silu, up]);
        return decoder.Linear(path + "/down_proj", product, tensors + "down_proj", inner, hidden, bias: false);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, Epsilon(decoder));

    private static double Epsilon(DecoderGraph decoder) => decoder.Config.Number("rms_norm_eps", 1e-6);
}
