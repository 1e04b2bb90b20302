using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Phi-3, Phi-3.5 and Phi-4 (Abdin et al. 2024): Llama with packed projections, a window over the keys, RoPE on part of a head or for long texts.</summary>
internal sealed class Phi3ForCausalLM : CausalLM
{
    private readonly Phi3Model model;
    private readonly Linear? lm_head;

    public Phi3ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Phi3ForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_act", "silu");
        model = new Phi3Model(config, device);
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

internal sealed class Phi3Model : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<Phi3Block> layers;
    public readonly RMSNorm norm;

    public Phi3Model(ModelConfig config, Device device) : base(nameof(Phi3Model))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, RotaryEmbedding.PartialDimension(config, config.HeadDim, absent: 1)), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        var windows = BlockPattern.Windows(config);
        layers = new ModuleList<Phi3Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Phi3Block(config, Rotary, windows[i], device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-5), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class Phi3Block : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm input_layernorm, post_attention_layernorm;
    private readonly Phi3Attention self_attn;
    private readonly Phi3Mlp mlp;

    public Phi3Block(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Phi3Block))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-5);
        input_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        self_attn = new Phi3Attention(config, rotary, window, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = new Phi3Mlp(config, device);
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

internal sealed class Phi3Attention : nn.Module<Tensor, Tensor>
{
    private readonly Linear qkv_proj, o_proj;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;

    public Phi3Attention(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Phi3Attention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = window;
        qkv_proj = new Linear(config.HiddenSize, (_heads + 2 * _keyValueHeads) * _headDim, bias: false, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var packed = qkv_proj.forward(x).split([_heads * _headDim, _keyValueHeads * _headDim, _keyValueHeads * _headDim], dim: -1);
        var q = _rotary.Apply(Heads(packed[0], _heads));         // (B, nh, T, hs)
        var k = _rotary.Apply(Heads(packed[1], _keyValueHeads)); // (B, nkv, T, hs)
        var v = Heads(packed[2], _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v, window: _window)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class Phi3Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_up_proj, down_proj;

    public Phi3Mlp(ModelConfig config, Device device) : base(nameof(Phi3Mlp))
    {
        gate_up_proj = new Linear(config.HiddenSize, 2 * config.IntermediateSize, bias: false, device);
        down_proj = new Linear(config.IntermediateSize, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var halves = gate_up_proj.forward(x).chunk(2, dim: -1); // gate, up
        return down_proj.forward(ActivationTensors.SiluTimes(halves[0], halves[1])).MoveToOuterDisposeScope();
    }
}
