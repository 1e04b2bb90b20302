using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>GPT-2 (Radford et al. 2019): learned positions, and weights that lie as [in, out].</summary>
internal static class Gpt2
{
    private const string Embedding = "transformer.wte.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        if (config.Bool("add_cross_attention", absent: false))
            throw new CheckpointException("config.json has add_cross_attention true; GPT-2 models without an encoder are supported.");
        AttentionNodes.CheckHeadDim(config.HeadDim);
        decoder.Begin(positions: true, config.NumAttentionHeads, config.HeadDim);

        string hidden = decoder.AddPositions(decoder.Embed(Embedding), "transformer.wpe.weight"); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            string tensors = $"{decoder.Family.BlockPrefix}{decoder.Survivors[i]}.", path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + "ln_1");
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add", [hidden, Attention(decoder, i, tensors + "attn.", path + "/attn", normed)]);
            normed = Norm(decoder, path + "/post_attention_layernorm", hidden, tensors + "ln_2");
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, Mlp(decoder, tensors + "mlp.", path + "/mlp", normed)]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "transformer.ln_f"), decoder.Family.Head, Embedding);
    }

    private static string Attention(DecoderGraph decoder, int position, string tensors, string path, string input)
    {
        var config = decoder.Config;
        int size = config.HiddenSize;
        double scale = config.Bool("scale_attn_weights", absent: true) ? 1 / Math.Sqrt(config.HeadDim) : 1;
        if (config.Bool("scale_attn_by_inverse_layer_idx", absent: false)) scale /= decoder.Survivors[position] + 1; // the block's own index, not its new place
        string qkv = decoder.Conv1D(path + "/qkv_proj", input, tensors + "c_attn", size, 3 * size);
        var shape = new AttentionShape(config.NumAttentionHeads, config.NumAttentionHeads, config.HeadDim);
        return decoder.Conv1D(path + "/o_proj", decoder.Attention(position, path, qkv, "", "", shape, rotary: false, scale), tensors + "c_proj", size, size);
    }

    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int size = decoder.Config.HiddenSize, inner = decoder.Config.Int("n_inner", absent: 4 * size);
        string first = decoder.Conv1D(path + "/fc1", input, tensors + "c_fc", size, inner);
        return decoder.Conv1D(path + "/fc2", decoder.Activate(path + "/act_fn", first, Activations.Read(decoder.Config, "activation_function", absent: "gelu_new")),
            tensors + "c_proj", inner, size);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.LayerNorm(path, input, tensor, decoder.Config.Number("layer_norm_epsilon", absent: 1e-5));
}
