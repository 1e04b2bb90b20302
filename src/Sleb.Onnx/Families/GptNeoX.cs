using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>GPT-NeoX (Black et al. 2022) and Pythia: attention and MLP side by side, RoPE on a part of each head.</summary>
internal static class GptNeoX
{
    private const string Embedding = "gpt_neox.embed_in.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        AttentionNodes.CheckHeadDim(config.HeadDim);
        var rotary = RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 0.25));
        bool parallel = config.Bool("use_parallel_residual", absent: true);
        decoder.Begin(positions: !AttentionNodes.CanFuseRotary(config.HeadDim, rotary.Dimension), config.NumAttentionHeads, config.HeadDim);
        decoder.RotaryCache(rotary);

        string hidden = decoder.Embed(Embedding); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            string tensors = $"{decoder.Family.BlockPrefix}{decoder.Survivors[i]}.", path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + "input_layernorm");
            string attended = decoder.Graph.Node("Add", path + "/attn/residual/Add",
                [hidden, Attention(decoder, i, tensors + "attention.", path + "/attn", normed, rotary.Dimension)]);
            normed = Norm(decoder, path + "/post_attention_layernorm", parallel ? hidden : attended, tensors + "post_attention_layernorm");
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [attended, Mlp(decoder, tensors + "mlp.", path + "/mlp", normed)]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "gpt_neox.final_layer_norm"), decoder.Family.Head, Embedding);
    }

    private static string Attention(DecoderGraph decoder, int position, string tensors, string path, string input, int rotated)
    {
        var config = decoder.Config;
        int size = config.HiddenSize;
        bool bias = config.Bool("attention_bias", absent: true);
        var shape = new AttentionShape(config.NumAttentionHeads, config.NumAttentionHeads, config.HeadDim);
        string query = decoder.Linear(path + "/qkv_proj", input, Unpack(decoder.Checkpoint.Find(tensors + "query_key_value.weight", 3 * size, size), shape),
            bias ? Unpack(decoder.Checkpoint.Find(tensors + "query_key_value.bias", 3 * size), shape) : null);
        string key = "", value = "";
        bool fused = AttentionNodes.CanFuseRotary(shape.HeadDim, rotated);
        if (!fused)
        {
            (query, key, value) = decoder.SplitHeads(path, query, shape);
            query = decoder.Rotate(path + "/q_rotary", query, shape.Heads, shape.HeadDim, rotated);
            key = decoder.Rotate(path + "/k_rotary", key, shape.KeyValueHeads, shape.HeadDim, rotated);
        }
        return decoder.Linear(path + "/o_proj", decoder.Attention(position, path, query, key, value, shape, fused), tensors + "dense", size, size, bias);
    }

    /// <summary>Each head's queries, keys and values lie together; attention wants the queries of all heads, then the keys, then the values.</summary>
    private static TensorRows[] Unpack(TensorEntry packed, AttentionShape shape) =>
        [.. from part in Enumerable.Range(0, 3) from head in Enumerable.Range(0, shape.Heads) select new TensorRows(packed, (3L * head + part) * shape.HeadDim, shape.HeadDim)];

    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int size = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        string first = decoder.Linear(path + "/fc1", input, tensors + "dense_h_to_4h", size, inner, bias: true);
        return decoder.Linear(path + "/fc2", decoder.Activate(path + "/act_fn", first, Activations.Read(decoder.Config, "hidden_act", absent: "gelu")),
            tensors + "dense_4h_to_h", inner, size, bias: true);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.LayerNorm(path, input, tensor, decoder.Config.Number("layer_norm_eps", absent: 1e-5));
}
