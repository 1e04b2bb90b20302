using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>GPT-NeoX (Black et al. 2022) and Pythia: attention and MLP side by side, RoPE on a part of each head.</summary>
internal sealed class GptNeoXForCausalLM : CausalLM
{
    private readonly GptNeoXModel gpt_neox;
    private readonly Linear? embed_out;

    public GptNeoXForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(GptNeoXForCausalLM))
    {
        gpt_neox = new GptNeoXModel(config, device);
        if (ownHead) embed_out = new Linear(config.HiddenSize, config.VocabSize, bias: false, device);
        RegisterComponents();
    }

    public override int BlockCount => gpt_neox.layers.Count;

    public override Tensor Embed(Tensor ids) => gpt_neox.embed_in.forward(ids);

    public override Tensor Block(int index, Tensor hidden) => gpt_neox.layers[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => gpt_neox.final_layer_norm.forward(hidden);

    public override Tensor Head(Tensor hidden, VocabularySlice? slice) => embed_out?.Unembed(hidden, slice) ?? gpt_neox.embed_in.Unembed(hidden, slice);

    protected override void Dispose(bool disposing)
    {
        if (disposing) gpt_neox.Rotary.Dispose();
        base.Dispose(disposing);
    }
}

internal sealed class GptNeoXModel : nn.Module
{
    public readonly Embedding embed_in;
    public readonly ModuleList<GptNeoXBlock> layers;
    public readonly LayerNorm final_layer_norm;

    public GptNeoXModel(ModelConfig config, Device device) : base(nameof(GptNeoXModel))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 0.25)), device);
        embed_in = new Embedding(config.VocabSize, config.HiddenSize, device);
        layers = new ModuleList<GptNeoXBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new GptNeoXBlock(config, Rotary, device))]);
        final_layer_norm = new LayerNorm(config.HiddenSize, config.Number("layer_norm_eps", absent: 1e-5), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class GptNeoXBlock : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm input_layernorm, post_attention_layernorm;
    private readonly GptNeoXAttention attention;
    private readonly GptNeoXMlp mlp;
    private readonly bool _parallel;

    public GptNeoXBlock(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(GptNeoXBlock))
    {
        double epsilon = config.Number("layer_norm_eps", absent: 1e-5);
        _parallel = config.Bool("use_parallel_residual", absent: true);
        input_layernorm = new LayerNorm(config.HiddenSize, epsilon, device);
        post_attention_layernorm = new LayerNorm(config.HiddenSize, epsilon, device);
        attention = new GptNeoXAttention(config, rotary, device);
        mlp = new GptNeoXMlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var attended = attention.forward(input_layernorm.forward(x));
        var y = _parallel
            ? x.Plus(attended).Plus(mlp.forward(post_attention_layernorm.forward(x)))
            : x.Plus(attended).Plus(mlp.forward(post_attention_layernorm.forward(x.Plus(attended))));
        return y.MoveToOuterDisposeScope();
    }
}

internal sealed class GptNeoXAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear query_key_value, dense;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _headDim;

    public GptNeoXAttention(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(GptNeoXAttention))
    {
        _rotary = rotary;
        (_heads, _headDim) = (config.NumAttentionHeads, config.HeadDim);
        bool bias = config.Bool("attention_bias", absent: true);
        query_key_value = new Linear(config.HiddenSize, 3 * config.HiddenSize, bias, device);
        dense = new Linear(config.HiddenSize, config.HiddenSize, bias, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        // Each head's queries, keys and values lie together.
        var qkv = query_key_value.forward(x).view(batch, length, _heads, 3, _headDim).permute(3, 0, 2, 1, 4); // (3, B, nh, T, hs)
        var y = CausalAttention.Run(_rotary.Apply(qkv[0]), _rotary.Apply(qkv[1]), qkv[2]);
        return dense.forward(y.transpose(1, 2).reshape(batch, length, _heads * _headDim)).MoveToOuterDisposeScope();
    }
}

internal sealed class GptNeoXMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear dense_h_to_4h, dense_4h_to_h;
    private readonly Activation _activation;

    public GptNeoXMlp(ModelConfig config, Device device) : base(nameof(GptNeoXMlp))
    {
        _activation = Activations.Read(config, "hidden_act", absent: "gelu");
        dense_h_to_4h = new Linear(config.HiddenSize, config.IntermediateSize, bias: true, device);
        dense_4h_to_h = new Linear(config.IntermediateSize, config.HiddenSize, bias: true, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return dense_4h_to_h.forward(_activation.Apply(dense_h_to_4h.forward(x))).MoveToOuterDisposeScope();
    }
}
