using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>Phi-1, 1.5 and 2 (Li et al. 2023): attention and MLP side by side behind one norm, RoPE on a part of each head, biases everywhere.</summary>
internal static class Phi
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        AttentionNodes.CheckHeadDim(config.HeadDim);
        var rotary = RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 0.5));
        decoder.Begin(positions: !AttentionNodes.CanFuseRotary(config.HeadDim, rotary.Dimension), config.NumKeyValueHeads, config.HeadDim);
        decoder.RotaryCache(rotary);

        string hidden = decoder.Embed(Embedding); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            string tensors = $"{decoder.Family.BlockPrefix}{decoder.Survivors[i]}.", path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + "input_layernorm");
            string attended = Attention(decoder, i, tensors + "self_attn.", path + "/attn", normed, rotary.Dimension);
            string both = decoder.Graph.Node("Add", path + "/parallel/Add", [attended, Mlp(decoder, tensors + "mlp.", path + "/mlp", normed)]);
            hidden = decoder.Graph.Node("Add", path + "/residual/Add", [hidden, both]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "model.final_layernorm"), decoder.Family.Head, Embedding, bias: "lm_head.bias");
    }

    private static string Attention(DecoderGraph decoder, int position, string tensors, string path, string input, int rotated)
    {
        var config = decoder.Config;
        var shape = new AttentionShape(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        string query = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias: true,
            (tensors + "q_proj", shape.Queries), (tensors + "k_proj", shape.Keys), (tensors + "v_proj", shape.Keys));
        string key = "", value = "";
        bool fused = AttentionNodes.CanFuseRotary(shape.HeadDim, rotated), normed = config.Bool("qk_layernorm", absent: false);
        if (!fused || normed) (query, key, value) = decoder.SplitHeads(path, query, shape);
        if (normed)
        {
            query = HeadNorm(decoder, path + "/q_norm", query, tensors + "q_layernorm", shape.Queries);
            key = HeadNorm(decoder, path + "/k_norm", key, tensors + "k_layernorm", shape.Keys);
        }
        if (!fused)
        {
            query = decoder.Rotate(path + "/q_rotary", query, shape.Heads, shape.HeadDim, rotated);
            key = decoder.Rotate(path + "/k_rotary", key, shape.KeyValueHeads, shape.HeadDim, rotated);
        }
        string attended = decoder.Attention(position, path, query, key, value, shape, fused);
        return decoder.Linear(path + "/o_proj", attended, tensors + "dense", shape.Queries, config.HiddenSize, bias: true);
    }

    /// <summary>One norm for all heads, over each head alone.</summary>
    private static string HeadNorm(DecoderGraph decoder, string path, string input, string tensor, int columns)
    {
        int headDim = decoder.Config.HeadDim;
        string heads = decoder.Graph.Node("Reshape", path + "/Reshape", [input, decoder.Graph.Constant(0, -1, headDim)]); // (B, S * heads, D)
        string normed = decoder.LayerNorm(path, heads, tensor, decoder.Config.Number("layer_norm_eps", absent: 1e-5), headDim);
        return decoder.Graph.Node("Reshape", path + "/Reshape_1", [normed, decoder.Graph.Constant(0, -1, columns)]);
    }

    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int size = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        string first = decoder.Linear(path + "/fc1", input, tensors + "fc1", size, inner, bias: true);
        return decoder.Linear(path + "/fc2", decoder.Activate(path + "/act_fn", first, Activations.Read(decoder.Config, "hidden_act", absent: "gelu_new")),
            tensors + "fc2", inner, size, bias: true);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.LayerNorm(path, input, tensor, decoder.Config.Number("layer_norm_eps", absent: 1e-5));
}
