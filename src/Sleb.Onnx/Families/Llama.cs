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
        int headDim = config.HeadDim;
        // The kernel's own rotation works on 16 dimensions at a time; smaller heads are rotated by nodes of their own.
        bool fused = headDim % 16 == 0;
        decoder.Begin(positions: !fused, config.NumKeyValueHeads, headDim);
        RotaryCache(decoder, headDim);

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
        int queries = config.NumAttentionHeads * config.HeadDim, keys = config.NumKeyValueHeads * config.HeadDim;
        bool bias = config.Bool("attention_bias", absent: false);
        string qkv = decoder.Packed(path + "/qkv_proj", input, config.HiddenSize, bias,
            (tensors + "q_proj", queries), (tensors + "k_proj", keys), (tensors + "v_proj", keys));
        string query = qkv, key = "", value = "";
        if (!fused)
        {
            (query, key, value) = (path + "/qkv_proj/Split/output_0", path + "/qkv_proj/Split/output_1", path + "/qkv_proj/Split/output_2");
            decoder.Graph.Node("Split", path + "/qkv_proj/Split", [qkv, decoder.Graph.Constant(queries, keys, keys)],
                (ReadOnlySpan<string>)[query, key, value], Attributes.Int("axis", -1));
            query = Rotate(decoder, path + "/q_rotary", query, config.NumAttentionHeads);
            key = Rotate(decoder, path + "/k_rotary", key, config.NumKeyValueHeads);
        }
        string attended = path + "/GroupQueryAttention/output_0"; // (B, S, Hq * D)
        decoder.Graph.Node("com.microsoft.GroupQueryAttention", path + "/GroupQueryAttention",
            [query, key, value, DecoderGraph.PastName(position, "key"), DecoderGraph.PastName(position, "value"),
                decoder.SequenceLengths, decoder.TotalLength, fused ? "cos_cache" : "", fused ? "sin_cache" : ""],
            (ReadOnlySpan<string>)[attended, DecoderGraph.PresentName(position, "key"), DecoderGraph.PresentName(position, "value")],
            Attributes.Int("num_heads", config.NumAttentionHeads), Attributes.Int("kv_num_heads", config.NumKeyValueHeads),
            Attributes.Float("scale", (float)(1 / Math.Sqrt(config.HeadDim))), Attributes.Int("local_window_size", config.SlidingWindow ?? -1),
            Attributes.Float("softcap", 0), Attributes.Int("do_rotary", fused ? 1 : 0), Attributes.Int("rotary_interleaved", 0));
        return decoder.Linear(path + "/o_proj", attended, tensors + "o_proj", queries, config.HiddenSize, bias);
    }

    /// <summary>SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).</summary>
    private static string Mlp(DecoderGraph decoder, string tensors, string path, string input)
    {
        int hidden = decoder.Config.HiddenSize, inner = decoder.Config.IntermediateSize;
        bool bias = decoder.Config.Bool("mlp_bias", absent: false);
        string gate = decoder.Linear(path + "/gate_proj", input, tensors + "gate_proj", hidden, inner, bias);
        string up = decoder.Linear(path + "/up_proj", input, tensors + "up_proj", hidden, inner, bias);
        string sigmoid = decoder.Graph.Node("Sigmoid", path + "/act_fn/Sigmoid", [gate]);
        string silu = decoder.Graph.Node("Mul", path + "/act_fn/Mul", [gate, sigmoid]);
        string product = decoder.Graph.Node("Mul", path + "/Mul", [silu, up]);
        return decoder.Linear(path + "/down_proj", product, tensors + "down_proj", inner, hidden, bias);
    }

    private static string Norm(DecoderGraph decoder, string path, string input, string tensor) =>
        decoder.RmsNorm(path, input, tensor, decoder.Config.Number("rms_norm_eps", 1e-6));

    private static string Rotate(DecoderGraph decoder, string path, string input, int heads) =>
        decoder.Graph.Node("com.microsoft.RotaryEmbedding", path + "/RotaryEmbedding", [input, "position_ids", "cos_cache", "sin_cache"],
            Attributes.Int("interleaved", 0), Attributes.Int("num_heads", heads));

    /// <summary>Cosines and sines of every position of the context, scaling baked in, shared by all blocks.</summary>
    private static void RotaryCache(DecoderGraph decoder, int headDim)
    {
        int context = decoder.Config.MaxPositionEmbeddings;
        var (cos, sin) = RotaryEmbedding.Create(decoder.Config, headDim).Table(context);
        decoder.Graph.Weight("cos_cache", [context, headDim / 2], data => data.Write(cos));
        decoder.Graph.Weight("sin_cache", [context, headDim / 2], data => data.Write(sin));
    }

    private static void Check(ModelConfig config)
    {
        if (config.Text("hidden_act") is { } act and not "silu")
            throw new CheckpointException($"config.json has hidden_act '{act}'; {config.ModelType} is written with 'silu' only.");
        if (config.NumAttentionHeads % config.NumKeyValueHeads != 0)
            throw new CheckpointException($"config.json has {config.NumAttentionHeads} attention heads, which {config.NumKeyValueHeads} key-value heads do not divide.");
        if (config.HeadDim % 8 != 0)
            throw new CheckpointException($"config.json gives heads of {config.HeadDim} dimensions; ONNX Runtime's attention needs a multiple of 8, so this model cannot be written as ONNX.");
    }
}
