using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>SmolLM3 (Hugging Face 2025): Llama, but some blocks have no position embedding (NoPE, Yang et al. 2025).</summary>
internal sealed class SmolLM3ForCausalLM : CausalLM
{
    private readonly SmolLM3Model model;
    private readonly Linear? lm_head;

    public SmolLM3ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(SmolLM3ForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_act", "silu");
        model = new SmolLM3Model(config, device);
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

internal sealed class SmolLM3Model : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<SmolLM3Block> layers;
    public readonly RMSNorm norm;

    public SmolLM3Model(ModelConfig config, Device device) : base(nameof(SmolLM3Model))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim, defaultTheta: 2e6), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        var windows = BlockPattern.Windows(config);
        bool[] rope = BlockPattern.HasRope(config);
        layers = new ModuleList<SmolLM3Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new SmolLM3Block(config, rope[i] ? Rotary : null, windows[i], device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class SmolLM3Block : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm input_layernorm, post_attention_layernorm;
    private readonly SmolLM3Attention self_attn;
    private readonly SmolLM3Mlp mlp;

    public SmolLM3Block(ModelConfig config, RotaryTensors? rotary, int? window, Device device) : base(nameof(SmolLM3Block))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        input_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        self_attn = new SmolLM3Attention(config, rotary, window, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = new SmolLM3Mlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(self_attn.forward(input_layernorm.forward(x)));
        x = x.Plus(mlp.forward(post_attention_layernorm.forward(x)));
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class SmolLM3Attention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RotaryTensors? _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;

    public SmolLM3Attention(ModelConfig config, RotaryTensors? rotary, int? window, Device device) : base(nameof(SmolLM3Attention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = window;
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
        var q = Rotated(Heads(q_proj.forward(x), _heads));         // (B, nh, T, hs)
        var k = Rotated(Heads(k_proj.forward(x), _keyValueHeads)); // (B, nkv, T, hs)
        var v = Heads(v_proj.forward(x), _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v, window: _window)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);

        Tensor Rotated(Tensor heads) => _rotary?.Apply(heads) ?? heads;
    }
}

internal sealed class SmolLM3Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public SmolLM3Mlp(ModelConfig config, Device device) : base(nameof(SmolLM3Mlp))
    {
        bool bias = config.Bool("mlp_bias", absent: false);
        gate_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias, device);
        up_proj = new Linear(config.HiddenSize, config.IntermediateSize, bias, device);
        down_proj = new Linear(config.IntermediateSize, config.HiddenSize, bias, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return down_proj.forward(ActivationTensors.SiluTimes(gate_proj.forward(x), up_proj.forward(x))).MoveToOuterDisposeScope();
    }
}
