using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>OPT (Zhang et al. 2022), pre-norm and the post-norm kind with projections around the blocks.</summary>
internal static class Opt
{
    private const string Embedding = "model.decoder.embed_tokens.weight";

    /// <summary>fairseq numbered positions from behind its padding id, 1.</summary>
    private const int PositionOffset = 2;

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        AttentionNodes.CheckHeadDim(config.HeadDim);
        int size = config.HiddenSize, embedded = config.Int("word_embed_proj_dim", size);
        bool normBefore = config.Bool("do_layer_norm_before", absent: true);
        decoder.Begin(positions: true, config.NumAttentionHeads, config.HeadDim);

        string hidden = decoder.Embed(Embedding, embedded); // (B, S, E)
        if (embedded != size) hidden = decoder.Linear("/model/project_in", hidden, "model.decoder.project_in", embedded, size, bias: false);
        hidden = decoder.AddPositions(hidden, "model.decoder.embed_positions.weight", PositionOffset); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            int position = i;
            string tensors = $"{decoder.Family.BlockPrefix}{decoder.Survivors[i]}.", path = $"/model/layers.{i}";
            hidden = Half(hidden, path + "/attn", path + "/input_layernorm", tensors + "self_attn_layer_norm", x => Attention(decoder, position, tensors + "self_attn.", path + "/attn", x));
            hidden = Half(hidden, path + "/mlp", path + "/post_attention_layernorm", tensors + "final_layer_norm", x => Mlp(decoder, tensors, path + "/mlp", x));
        }
        if (normBefore && !config.Bool("_remove_final_layer_norm", absent: false))
            hidden = Norm(decoder, "/model/norm", hidden, "model.decoder.final_layer_norm");
        if (embedded != size) hidden = decoder.Linear("/model/project_out", hidden, "model.decoder.project_out", size, embedded, bias: false);
        decoder.Head(hidden, decoder.Family.Head, Embedding, embedded);

        string Half(string input, string path, string normPath, string norm, Func<string, string> branch)
        {
            string inner = branch(normBefore ? Norm(decoder, normPath, input, norm) : input);
            string sum = decoder.Graph.Node("Add", path + "/residual/Add", [input, inner]);
            return normBefore ? sum : Norm(decoder, normPath, sum, norm);
        }
    }

    private static string Attention(DecoderGraph decoder, int position, string tensors, string path, string input)
    {
        var config = decoder.Config;
        int size = config.HiddenSize;
        bool bias = config.Bool("enable_bias", absent: true);
        string qkv = decoder.Packed(path + "/qkv_proj", input, size, bias, (tensors + "q_proj", size), (tensors + "k_proj", size), (tensors + "v_proj", size));
        var shape = new AttentionShape(config.NumAttentionHeads, config.NumAttentionHeads, config.HeadDim);
        return decoder.Linear(path + "/o_proj", decoder.Attention(position, path, qkv, "", "", shape, rotary: false), tensors + "out_proj", size, size, bias);
    }

    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int size = decoder.Config.HiddenSize, inner = decoder.Config.Int("ffn_dim");
        bool bias = decoder.Config.Bool("enable_bias", absent: true);
        string first = decoder.Linear(path + "/fc1", input, tensors + "fc1", size, inner, bias);
        return decoder.Linear(path + "/fc2", decoder.Activate(path + "/act_fn", first, Activations.Read(decoder.Config, "activation_function", absent: "relu")),
            tensors + "fc2", inner, size, bias);
    }

    /// <summary>OPT's config has no epsilon.</summary>
    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.LayerNorm(path, input, tensor, epsilon: 1e-5, affine: decoder.Config.Bool("layer_norm_elementwise_affine", absent: true));
}
