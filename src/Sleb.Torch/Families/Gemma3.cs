using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Gemma 3 (Gemma Team 2025), text: local blocks with a RoPE of their own, every sixth global; queries and keys are normed head by head.</summary>
internal sealed class Gemma3ForCausalLM : CausalLM
{
    private readonly Gemma3Model model;
    private readonly Linear? lm_head;
    private readonly double _embeddingScale;
    private readonly double? _softCap;

    public Gemma3ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Gemma3ForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_activation", "gelu_pytorch_tanh");
        Settings.RequireFalse(config, "use_bidirectional_attention");
        (_embeddingScale, _softCap) = (Math.Sqrt(config.HiddenSize), Settings.SoftCap(config, "final_logit_softcapping", absent: null));
        model = new Gemma3Model(config, device);
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
        if (disposing)
        {
            model.Local.Dispose();
            model.Global.Dispose();
        }
        base.Dispose(disposing);
    }
}

internal sealed class Gemma3Model : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<Gemma3Block> layers;
    public readonly Gemma3Norm norm;

    public Gemma3Model(ModelConfig config, Device device) : base(nameof(Gemma3Model))
    {
        Local = new RotaryTensors(RotaryEmbedding.CreateFor(BlockPattern.Local, config, config.HeadDim), device);
        Global = new RotaryTensors(RotaryEmbedding.CreateFor(BlockPattern.Global, config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        var windows = BlockPattern.Windows(config);
        layers = new ModuleList<Gemma3Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i =>
            new Gemma3Block(config, windows[i] is null ? Global : Local, windows[i], device))]);
        norm = new Gemma3Norm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Local { get; }

    public RotaryTensors Global { get; }
}

/// <summary>x / sqrt(mean(x^2) + eps) * (1 + w).</summary>
internal sealed class Gemma3Norm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly double _epsilon;

    public Gemma3Norm(long size, double epsilon, Device device) : base(nameof(Gemma3Norm))
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

internal sealed class Gemma3Block : nn.Module<Tensor, Tensor>
{
    private readonly Gemma3Norm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
    private readonly Gemma3Attention self_attn;
    private readonly Gemma3Mlp mlp;

    public Gemma3Block(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Gemma3Block))
    {
        input_layernorm = Norm();
        self_attn = new Gemma3Attention(config, rotary, window, device);
        post_attention_layernorm = Norm();
        pre_feedforward_layernorm = Norm();
        mlp = new Gemma3Mlp(config, device);
        post_feedforward_layernorm = Norm();
        RegisterComponents();

        Gemma3Norm Norm() => new(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(post_attention_layernorm.forward(self_attn.forward(input_layernorm.forward(x))));
        x = x.Plus(post_feedforward_layernorm.forward(mlp.forward(pre_feedforward_layernorm.forward(x))));
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class Gemma3Attention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly Gemma3Norm q_norm, k_norm;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;
    private readonly double _scale;
    private readonly double? _softCap;

    public Gemma3Attention(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Gemma3Attention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = window;
        _scale = 1 / Math.Sqrt(config.Number("query_pre_attn_scalar", absent: 256));
        _softCap = Settings.SoftCap(config, "attn_logit_softcapping", absent: null);
        bool bias = config.Bool("attention_bias", absent: false);
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias, device);
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        (q_norm, k_norm) = (new Gemma3Norm(_headDim, epsilon, device), new Gemma3Norm(_headDim, epsilon, device));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var q = _rotary.Apply(q_norm.forward(Heads(q_proj.forward(x), _heads)));         // (B, nh, T, hs)
        var k = _rotary.Apply(k_norm.forward(Heads(k_proj.forward(x), _keyValueHeads))); // (B, nkv, T, hs)
        var v = Heads(v_proj.forward(x), _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v, _scale, _window, _softCap)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class Gemma3Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public Gemma3Mlp(ModelConfig config, Device device) : base(nameof(Gemma3Mlp))
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
