using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>StableLM (Bellagente et al. 2024): Llama's shape with LayerNorm and RoPE on a part of each head; the 12B model is parallel, with a norm per head.</summary>
internal sealed class StableLmForCausalLM : CausalLM
{
    private readonly StableLmModel model;
    private readonly Linear? lm_head;

    public StableLmForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(StableLmForCausalLM))
    {
        model = new StableLmModel(config, device);
        if (ownHead) lm_head = new Linear(config.HiddenSize, config.VocabSize, bias: false, device);
        RegisterComponents();
    }

    public override int BlockCount => model.layers.Count;

    public override Tensor Embed(Tensor ids) => model.embed_tokens.forward(ids);

    public override Tensor Block(int index, Tensor hidden) => model.layers[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => model.norm.forward(hidden);

    public override Tensor Head(Tensor hidden, VocabularySlice? slice) => lm_head?.Unembed(hidden, slice) ?? model.embed_tokens.Unembed(hidden, slice);

    protected override void Dispose(bool disposing)
    {
        if (disposing) model.Rotary.Dispose();
        base.Dispose(disposing);
    }
}

internal sealed class StableLmModel : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<StableLmBlock> layers;
    public readonly LayerNorm norm;

    public StableLmModel(ModelConfig config, Device device) : base(nameof(StableLmModel))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 0.25)), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        layers = new ModuleList<StableLmBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new StableLmBlock(config, Rotary, device))]);
        norm = new LayerNorm(config.HiddenSize, config.Number("layer_norm_eps", absent: 1e-5), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class StableLmBlock : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm input_layernorm;
    private readonly LayerNorm? post_attention_layernorm;
    private readonly StableLmAttention self_attn;
    private readonly StableLmMlp mlp;

    public StableLmBlock(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(StableLmBlock))
    {
        double epsilon = config.Number("layer_norm_eps", absent: 1e-5);
        input_layernorm = new LayerNorm(config.HiddenSize, epsilon, device);
        self_attn = new StableLmAttention(config, rotary, device);
        if (!config.Bool("use_parallel_residual", absent: false)) post_attention_layernorm = new LayerNorm(config.HiddenSize, epsilon, device);
        mlp = new StableLmMlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var normed = input_layernorm.forward(x);
        var attended = x.Plus(self_attn.forward(normed));
        // Without a second norm the halves stand side by side behind the first.
        return attended.Plus(mlp.forward(post_attention_layernorm?.forward(attended) ?? normed)).MoveToOuterDisposeScope();
    }
}

internal sealed class StableLmAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly StableLmHeadNorms? q_layernorm, k_layernorm;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;

    public StableLmAttention(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(StableLmAttention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        bool bias = config.Bool("use_qkv_bias", absent: false);
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias: false, device);
        if (config.Bool("qk_layernorm", absent: false))
        {
            double epsilon = config.Number("layer_norm_eps", absent: 1e-5);
            q_layernorm = new StableLmHeadNorms(_heads, _headDim, epsilon, device);
            k_layernorm = new StableLmHeadNorms(_keyValueHeads, _headDim, epsilon, device);
        }
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        Tensor q = Heads(q_proj, _heads), k = Heads(k_proj, _keyValueHeads), v = Heads(v_proj, _keyValueHeads); // (B, nh, T, hs)
        (q, k) = (q_layernorm?.forward(q) ?? q, k_layernorm?.forward(k) ?? k);
        var y = CausalAttention.Run(_rotary.Apply(q), _rotary.Apply(k), v);
        return o_proj.forward(y.transpose(1, 2).reshape(batch, length, _heads * _headDim)).MoveToOuterDisposeScope();

        Tensor Heads(Linear projection, int heads) => projection.forward(x).view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

/// <summary>A norm of its own for every head, without biases: (B, nh, T, hs) to the same.</summary>
internal sealed class StableLmHeadNorms : nn.Module<Tensor, Tensor>
{
    private readonly ModuleList<LayerNorm> norms;

    public StableLmHeadNorms(int heads, int headDim, double epsilon, Device device) : base(nameof(StableLmHeadNorms))
    {
        norms = new ModuleList<LayerNorm>([.. Enumerable.Range(0, heads).Select(_ => new LayerNorm(headDim, epsilon, device, withBias: false))]);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return cat([.. norms.Select((norm, head) => norm.forward(x.narrow(1, head, 1)))], dim: 1).MoveToOuterDisposeScope();
    }
}

internal sealed class StableLmMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;
    private readonly Activation _activation;

    public StableLmMlp(ModelConfig config, Device device) : base(nameof(StableLmMlp))
    {
        _activation = Activations.Read(config, "hidden_act", absent: "silu");
        gate_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias: false, device);
        up_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias: false, device);
        down_proj = new Linear(config.IntermediateSize, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return down_proj.forward(_activation.Apply(gate_proj.forward(x)) * up_proj.forward(x)).MoveToOuterDisposeScope();
    }
}
