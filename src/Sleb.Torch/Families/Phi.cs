using Sleb.Core.Families;
using TorchSharp.Modules;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>Phi-1, 1.5 and 2 (Li et al. 2023): attention and MLP side by side behind one norm, RoPE on a part of each head, biases everywhere.</summary>
internal sealed class PhiForCausalLM : CausalLM
{
    private readonly PhiModel model;
    private readonly PhiHead lm_head;

    public PhiForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(PhiForCausalLM))
    {
        model = new PhiModel(config, device);
        lm_head = new PhiHead(config, ownHead, device);
        RegisterComponents();
    }

    public override int BlockCount => model.layers.Count;

    public override Tensor Embed(Tensor ids) => model.embed_tokens.forward(ids);

    public override Tensor Block(int index, Tensor hidden) => model.layers[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => model.final_layernorm.forward(hidden);

    public override Tensor Head(Tensor hidden, VocabularySlice? slice)
    {
        using var scope = NewDisposeScope();
        var product = lm_head.weight is { } own ? F.linear(hidden.to(own.dtype), slice.Of(own)) : model.embed_tokens.Unembed(hidden, slice);
        return product.Plus(slice.Of(lm_head.bias)).MoveToOuterDisposeScope();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) model.Rotary.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>The output projection, which has a bias of its own even where the weight is the embedding's.</summary>
internal sealed class PhiHead : nn.Module, ILowPrecision
{
    public readonly Parameter? weight;
    public readonly Parameter bias;

    public PhiHead(ModelConfig config, bool ownHead, Device device) : base(nameof(PhiHead))
    {
        if (ownHead) weight = new Parameter(empty(config.VocabSize, config.HiddenSize, device: device), requires_grad: false);
        bias = new Parameter(empty(config.VocabSize, device: device), requires_grad: false);
        RegisterComponents();
    }
}

internal sealed class PhiModel : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<PhiBlock> layers;
    public readonly LayerNorm final_layernorm;

    public PhiModel(ModelConfig config, Device device) : base(nameof(PhiModel))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 0.5)), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        layers = new ModuleList<PhiBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new PhiBlock(config, Rotary, device))]);
        final_layernorm = new LayerNorm(config.HiddenSize, config.Number("layer_norm_eps", absent: 1e-5), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class PhiBlock : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm input_layernorm;
    private readonly PhiAttention self_attn;
    private readonly PhiMlp mlp;

    public PhiBlock(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(PhiBlock))
    {
        input_layernorm = new LayerNorm(config.HiddenSize, config.Number("layer_norm_eps", absent: 1e-5), device);
        self_attn = new PhiAttention(config, rotary, device);
        mlp = new PhiMlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var normed = input_layernorm.forward(x);
        return self_attn.forward(normed).Plus(mlp.forward(normed)).Plus(x).MoveToOuterDisposeScope();
    }
}

internal sealed class PhiAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, dense;
    private readonly LayerNorm? q_layernorm, k_layernorm;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;

    public PhiAttention(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(PhiAttention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias: true, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias: true, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias: true, device);
        dense = new Linear(_heads * _headDim, config.HiddenSize, bias: true, device);
        if (config.Bool("qk_layernorm", absent: false))
        {
            double epsilon = config.Number("layer_norm_eps", absent: 1e-5);
            (q_layernorm, k_layernorm) = (new LayerNorm(_headDim, epsilon, device), new LayerNorm(_headDim, epsilon, device));
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
        return dense.forward(y.transpose(1, 2).reshape(batch, length, _heads * _headDim)).MoveToOuterDisposeScope();

        Tensor Heads(Linear projection, int heads) => projection.forward(x).view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class PhiMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear fc1, fc2;
    private readonly Activation _activation;

    public PhiMlp(ModelConfig config, Device device) : base(nameof(PhiMlp))
    {
        _activation = Activations.Read(config, "hidden_act", absent: "gelu_new");
        fc1 = new Linear(config.HiddenSize, config.IntermediateSize, bias: true, device);
        fc2 = new Linear(config.IntermediateSize, config.HiddenSize, bias: true, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return fc2.forward(_activation.Apply(fc1.forward(x))).MoveToOuterDisposeScope();
    }
}
