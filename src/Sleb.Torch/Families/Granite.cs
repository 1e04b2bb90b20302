using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Granite 3 (IBM 2024): Llama with multipliers on embeddings, attention scores, residual branches and logits.</summary>
internal sealed class GraniteForCausalLM : CausalLM
{
    private readonly GraniteModel model;
    private readonly Linear? lm_head;
    private readonly double _embeddingMultiplier, _logitsScaling;

    public GraniteForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(GraniteForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_act", "silu");
        (_embeddingMultiplier, _logitsScaling) = (config.Number("embedding_multiplier", absent: 1), config.Number("logits_scaling", absent: 1));
        model = new GraniteModel(config, device);
        if (ownHead) lm_head = new Linear(config.HiddenSize, config.VocabSize, bias: false, device);
        RegisterComponents();
    }

    public override int BlockCount => model.layers.Count;

    public override Tensor Embed(Tensor ids) => model.embed_tokens.forward(ids).Times(_embeddingMultiplier);

    public override Tensor Block(int index, Tensor hidden) => model.layers[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => model.norm.forward(hidden);

    public override Tensor Head(Tensor hidden, VocabularySlice? slice) => (lm_head?.Unembed(hidden, slice) ?? model.embed_tokens.Unembed(hidden, slice)).Over(_logitsScaling);

    protected override void Dispose(bool disposing)
    {
        if (disposing) model.Rotary.Dispose();
        base.Dispose(disposing);
    }
}

internal sealed class GraniteModel : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<GraniteBlock> layers;
    public readonly RMSNorm norm;

    public GraniteModel(ModelConfig config, Device device) : base(nameof(GraniteModel))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        layers = new ModuleList<GraniteBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new GraniteBlock(config, Rotary, device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class GraniteBlock : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm input_layernorm, post_attention_layernorm;
    private readonly GraniteAttention self_attn;
    private readonly GraniteMlp mlp;
    private readonly double _multiplier;

    public GraniteBlock(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(GraniteBlock))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        input_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        self_attn = new GraniteAttention(config, rotary, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = new GraniteMlp(config, device);
        _multiplier = config.Number("residual_multiplier", absent: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(self_attn.forward(input_layernorm.forward(x)).Times(_multiplier));
        x = x.Plus(mlp.forward(post_attention_layernorm.forward(x)).Times(_multiplier));
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class GraniteAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly double _multiplier;

    public GraniteAttention(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(GraniteAttention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _multiplier = config.Number("attention_multiplier", absent: 1);
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
        return o_proj.forward(CausalAttention.Merged(q, k, v, scale: _multiplier)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class GraniteMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public GraniteMlp(ModelConfig config, Device device) : base(nameof(GraniteMlp))
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
