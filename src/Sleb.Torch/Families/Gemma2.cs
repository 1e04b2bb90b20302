using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Gemma 2 (Gemma Team 2024): norms on both sides of attention and MLP, soft caps on scores and logits, every second block local.</summary>
internal sealed class Gemma2ForCausalLM : CausalLM
{
    private readonly Gemma2Model model;
    private readonly Linear? lm_head;
    private readonly double _embeddingScale;
    private readonly double? _softCap;

    public Gemma2ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Gemma2ForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_activation", "gelu_pytorch_tanh");
        (_embeddingScale, _softCap) = (Math.Sqrt(config.HiddenSize), Settings.SoftCap(config, "final_logit_softcapping", absent: 30));
        model = new Gemma2Model(config, device);
        if (ownHead) lm_head = new Linear(config.HiddenSize, config.VocabSize, bias: false, device);
        RegisterComponents();
    }

    public override int BlockCount => model.layers.Count;

    public override Tensor Embed(Tensor ids) => model.embed_tokens.forward(ids).Times(_embeddingScale);

    public override Tensor Block(int index, Tensor hidden) => model.layers[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => model.norm.forward(hidden);

    public override Tensor Head(Tensor hidden, VocabularySlice? slice)
    {
        using var scope = NewDisposeScope();
        var logits = lm_head?.Unembed(hidden, slice) ?? model.embed_tokens.Unembed(hidden, slice);
        return (_softCap is { } cap ? logits.Over(cap).tanh().Times(cap) : logits).MoveToOuterDisposeScope();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) model.Rotary.Dispose();
        base.Dispose(disposing);
    }
}

internal sealed class Gemma2Model : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<Gemma2Block> layers;
    public readonly Gemma2Norm norm;

    public Gemma2Model(ModelConfig config, Device device) : base(nameof(Gemma2Model))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        var windows = BlockPattern.Windows(config);
        layers = new ModuleList<Gemma2Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Gemma2Block(config, Rotary, windows[i], device))]);
        norm = new Gemma2Norm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

/// <summary>x / sqrt(mean(x^2) + eps) * (1 + w).</summary>
internal sealed class Gemma2Norm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double _epsilon;

    public Gemma2Norm(long size, double epsilon, Device device) : base(nameof(Gemma2Norm))
    {
        _epsilon = epsilon;
        weight = new Parameter(empty(size, device: device), requires_grad: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (x * x.InverseRootMeanSquare(_epsilon) * weight.Plus(1)).MoveToOuterDisposeScope();
    }
}

internal sealed class Gemma2Block : nn.Module<Tensor, Tensor>
{
    private readonly Gemma2Norm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
    private readonly Gemma2Attention self_attn;
    private readonly Gemma2Mlp mlp;

    public Gemma2Block(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Gemma2Block))
    {
        input_layernorm = Norm();
        self_attn = new Gemma2Attention(config, rotary, window, device);
        post_attention_layernorm = Norm();
        pre_feedforward_layernorm = Norm();
        mlp = new Gemma2Mlp(config, device);
        post_feedforward_layernorm = Norm();
        RegisterComponents();

        Gemma2Norm Norm() => new(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(post_attention_layernorm.forward(self_attn.forward(input_layernorm.forward(x))));
        x = x.Plus(post_feedforward_layernorm.forward(mlp.forward(pre_feedforward_layernorm.forward(x))));
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class Gemma2Attention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;
    private readonly double _scale;
    private readonly double? _softCap;

    public Gemma2Attention(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Gemma2Attention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = window;
        _scale = 1 / Math.Sqrt(config.Number("query_pre_attn_scalar", absent: 256));
        _softCap = Settings.SoftCap(config, "attn_logit_softcapping", absent: 50);
        bool bias = config.Bool("attention_bias", absent: false);
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var q = _rotary.Apply(Heads(q_proj.forward(x), _heads));         // (B, nh, T, hs)
        var k = _rotary.Apply(Heads(k_proj.forward(x), _keyValueHeads)); // (B, nkv, T, hs)
        var v = Heads(v_proj.forward(x), _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v, _scale, _window, _softCap)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class Gemma2Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public Gemma2Mlp(ModelConfig config, Device device) : base(nameof(Gemma2Mlp))
    {
        gate_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias: false, device);
        up_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias: false, device);
        down_proj = new Linear(config.IntermediateSize, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return down_proj.forward(Activation.GeluTanh.Apply(gate_proj.forward(x)) * up_proj.forward(x)).MoveToOuterDisposeScope();
    }
}
