using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>OLMo 2 (Walsh et al. 2024): norms behind attention and MLP instead of before them; queries and keys are normed over all heads at once.</summary>
internal sealed class Olmo2ForCausalLM : CausalLM
{
    private readonly Olmo2Model model;
    private readonly Linear? lm_head;

    public Olmo2ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Olmo2ForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_act", "silu");
        model = new Olmo2Model(config, device);
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

internal sealed class Olmo2Model : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<Olmo2Block> layers;
    public readonly RMSNorm norm;

    public Olmo2Model(ModelConfig config, Device device) : base(nameof(Olmo2Model))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        layers = new ModuleList<Olmo2Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new Olmo2Block(config, Rotary, device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-5), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class Olmo2Block : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm post_attention_layernorm, post_feedforward_layernorm;
    private readonly Olmo2Attention self_attn;
    private readonly Olmo2Mlp mlp;

    public Olmo2Block(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(Olmo2Block))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-5);
        self_attn = new Olmo2Attention(config, rotary, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        post_feedforward_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = new Olmo2Mlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(post_attention_layernorm.forward(self_attn.forward(x)));
        x = x.Plus(post_feedforward_layernorm.forward(mlp.forward(x)));
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class Olmo2Attention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RMSNorm q_norm, k_norm;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;

    public Olmo2Attention(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(Olmo2Attention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        bool bias = config.Bool("attention_bias", absent: false);
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias, device);
        double epsilon = config.Number("rms_norm_eps", absent: 1e-5);
        (q_norm, k_norm) = (new RMSNorm(_heads * _headDim, epsilon, device), new RMSNorm(_keyValueHeads * _headDim, epsilon, device));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var q = _rotary.Apply(Heads(q_norm.forward(q_proj.forward(x)), _heads));         // (B, nh, T, hs)
        var k = _rotary.Apply(Heads(k_norm.forward(k_proj.forward(x)), _keyValueHeads)); // (B, nkv, T, hs)
        var v = Heads(v_proj.forward(x), _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class Olmo2Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public Olmo2Mlp(ModelConfig config, Device device) : base(nameof(Olmo2Mlp))
    {
        gate_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias: false, device);
        up_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias: false, device);
        down_proj = new Linear(config.IntermediateSize, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return down_proj.forward(ActivationTensors.SiluTimes(gate_proj.forward(x), up_proj.forward(x))).MoveToOuterDisposeScope();
    }
}
