using Sleb.Core.Families;
using Sleb.Onnx.Emit;

namespace Sleb.Onnx.Families;

/// <summary>StableLM (Bellagente et al. 2024): Llama's shape with LayerNorm and RoPE on a part of each head; the 12B model is parallel, with a norm per head.</summary>
internal static class StableLm
{
    private const string Embedding = "model.embed_tokens.weight";

    public static void Emit(DecoderGraph decoder)
    {
        var config = decoder.Config;
        AttentionNodes.CheckHeadDim(config.HeadDim);
        var rotary = RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 0.25));
        bool parallel = config.Bool("use_parallel_residual", absent: false);
        decoder.Begin(positions: !AttentionNodes.CanFuseRotary(config.HeadDim, rotary.Dimension), config.NumKeyValueHeads, config.HeadDim);
        decoder.RotaryCache(rotary);

        string hidden = decoder.Embed(Embedding); // (B, S, H)
        for (int i = 0; i < decoder.Survivors.Count; i++)
        {
            string tensors = $"{decoder.Family.BlockPrefix}{decoder.Survivors[i]}.", path = $"/model/layers.{i}";
            string normed = Norm(decoder, path + "/input_layernorm", hidden, tensors + "input_layernorm");
            hidden = decoder.Graph.Node("Add", path + "/attn/residual/Add",
                [hidden, Attention(decoder, i, tensors + "self_attn.", path + "/attn", normed, rotary.Dimension)]);
            if (!parallel) normed = Norm(decoder, path + "/post_attention_layernorm", hidden, tensors + "post_attention_layernorm");
            hidden = decoder.Graph.Node("Add", path + "/mlp/residual/Add", [hidden, Mlp(decoder, tensors + "mlp.", path + "/mlp", normed)]);
        }
        decoder.Head(Norm(decoder, "/model/norm", hidden, "model.norm"), decoder.Family.Head, Embedding);
    }

    private static string Attention(DecoderGraph decoder, int position, string tensors, string path, string input, int rotated)
    {
        var config = decoder.Config;
        var shape = new AttentionShape(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        string query = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, config.Bool("use_qkv_bias", absent: false),
            (tensors + "q_proj", shape.Queries), (tensors + "k_proj", shape.Keys), (tensors + "v_proj", shape.Keys));
        string key = "", value = "";
        bool fused = AttentionNodes.CanFuseRotary(shape.HeadDim, rotated), normed = config.Bool("qk_layernorm", absent: false);
        if (!fused || normed) (query, key, value) = decoder.SplitHeads(path, query, shape);
        if (normed)
        {
            query = HeadNorms(decoder, path + "/q_norm", query, tensors + "q_layernorm", shape.Heads);
            key = HeadNorms(decoder, path + "/k_norm", key, tensors + "k_layernorm", shape.KeyValueHeads);
        }
        if (!fused)
        {
            query = decoder.Rotate(path + "/q_rotary", query, shape.Heads, shape.HeadDim, rotated);
            key = decoder.Rotate(path + "/k_rotary", key, shape.KeyValueHeads, shape.HeadDim, rotated);
        }
        string attended = decoder.Attention(position, path, query, key, value, shape, fused);
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", shape.Queries, config.HiddenSize, bias: false);
    }

    /// <summary>A norm of its own for every head: normed together, then each head times its own weights.</summary>
    private static string HeadNorms(DecoderGraph decoder, string path, string input, string tensor, int heads)
    {
        int headDim = decoder.Config.HeadDim;
        string split = decoder.Graph.Node("Reshape", path + "/Reshape", [input, decoder.Graph.Constant(0, 0, heads, headDim)]); // (B, S, heads, D)
        string normed = decoder.LayerNorm(path, split, tensor, decoder.Config.Number("layer_norm_eps", absent: 1e-5), headDim, affine: false);
        TensorRows[] rows = [.. Enumerable.Range(0, heads).Select(head => decoder.Checkpoint.Find($"{tensor}.norms.{head}.weight", headDim))];
        string weight = decoder.Stack(path[1..].Replace('/', '.') + ".weight", rows, headDim);
        string scaled = decoder.Graph.Node("Mul", path + "/Mul", [normed, weight]);
        return decoder.Graph.Node("Reshape", path + "/Reshape_1", [scaled, decoder.Graph.Constant(0, 0, heads * headDim)]);
    }

    /// <summary>SwiGLU (Shazeer 2020), or another gate by the config's activation.</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int hidden = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        var (gate, up) = decoder.GateUp(path, input, tensors, hidden, inner, bias: false);
        gate = decoder.Activate(path + "/act_fn", gate, Activations.Read(decoder.Config, "hidden_act", absent: "silu"));
        return decoder.Linear(path + "/down_proj", decoder.Graph.Node("Mul", path + "/Mul", [gate, up]), tensors + "down_proj", inner, hidden, bias: false);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.LayerNorm(path, input, tensor, decoder.Config.Number("layer_norm_eps", absent: 1e-5));
}
