using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>Llama (Touvron et al. 2023) and Mistral (Jiang et al. 2023), which is Llama with a window over the keys.</summary>
internal static class Llama
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        Check(config);
        bool fused = AttentionNodes.CanFuseRotary(config.HeadDim, config.HeadDim);
        decoder.Begin(positions: !fused, config.NumKeyValueHeads, config.HeadDim);
        decoder.RotaryCache(RotaryEmbedding.Create(config, config.HeadDim));

        string hidden = decoder.Embed(Embedding); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            string tensors = decoder.Family.BlockPrefix + decoder.Survivors[i], path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + ".input_layernorm.weight");
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add", [hidden, Attention(decoder, i, tensors + ".self_attn.", path + "/attn", normed, fused)]);
            normed = Norm(decoder, path + "/post_attention_layernorm", hidden, tensors + ".post_attention_layernorm.weight");
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, Mlp(decoder, tensors + ".mlp.", path + "/mlp", normed)]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "model.norm.weight"), "lm_head.weight", Embedding);
    }

    private static string Attention(DecoderGraph decoder, int position, string tensors, string path, string input, bool fused)
    {
        var config = decoder.Config;
        var shape = new AttentionShape(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        bool bias = config.Bool("attention_bias", absent: false);
        string query = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias,
            (tensors + "q_proj", shape.Queries), (tensors + "k_proj", shape.Keys), (tensors + "v_proj", shape.Keys));
        string key = "", value = "";
        if (!fused)
        {
            (query, key, value) = decoder.SplitHeads(path, query, shape);
            query = decoder.Rotate(path + "/q_rotary", query, shape.Heads, shape.HeadDim, shape.HeadDim);
            key = decoder.Rotate(path + "/k_rotary", key, shape.KeyValueHeads, shape.HeadDim, shape.HeadDim);
        }
        string attended = decoder.Attention(position, path, query, key, value, shape, fused, window: config.SlidingWindow); // (B, S, Hq * D)
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", shape.Queries, config.HiddenSize, bias);
    }

    /// <summary>SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int hidden = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        bool bias = decoder.Config.Bool("mlp_bias", absent: false);
        var (gate, up) = decoder.GateUp(path, input, tensors, hidden, inner, bias);
        string product = decoder.Graph.Node("Mul", path + "/Mul", [decoder.Activate(path + "/act_fn", gate, Activation.Silu), up]);
        return decoder.Linear(path + "/down_proj", product, tensors + "down_proj", inner, hidden, bias);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, decoder.Config.Number("rms_norm_eps", 1e-6));

    private static void Check(ModelConfig config)
    {
        if (config.Text("hidden_act") is { } act and not "silu")
            throw new CheckpointException($"config.json has hidden_act '{act}'; {config.ModelType} is written with 'silu' only.");
        if (config.NumAttentionHeads % config.NumKeyValueHeads != 0)
            throw new CheckpointException($"config.json has {config.NumAttentionHeads} attention heads, which {config.NumKeyValueHeads} key-value heads do not divide.");
        AttentionNodes.CheckHeadDim(config.HeadDim);
    }
}
