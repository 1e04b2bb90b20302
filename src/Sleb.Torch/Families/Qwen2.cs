using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases on queries, keys and values, and local attention in the upper blocks.</summary>
internal sealed class Qwen2ForCausalLM : CausalLM
{
    private readonly Qwen2Model model;
    private readonly Linear? lm_head;

    public Qwen2ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Qwen2ForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_act", "silu");
        model = new Qwen2Model(config, device);
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

internal sealed class Qwen2Model : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<Qwen2Block> layers;
    public readonly RMSNorm norm;

    public Qwen2Model(ModelConfig config, Device device) : base(nameof(Qwen2Model))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        var windows = BlockPattern.Windows(config);
        layers = new ModuleList<Qwen2Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Qwen2Block(config, Rotary, windows[i], device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class Qwen2Block : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm input_layernorm, post_attention_layernorm;
    private readonly Qwen2Attention self_attn;
    private readonly Qwen2Mlp mlp;

    public Qwen2Block(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Qwen2Block))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        input_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        self_attn = new Qwen2Attention(config, rotary, window, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = new Qwen2Mlp(config, device);
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

internal sealed class Qwen2Attention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;

    public Qwen2Attention(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Qwen2Attention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = window;
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias: true, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias: true, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias: true, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var q = _rotary.Apply(Heads(q_proj.forward(x), _heads));         // (B, nh, T, hs)
        var k = _rotary.Apply(Heads(k_proj.forward(x), _keyValueHeads)); // (B, nkv, T, hs)
        var v = Heads(v_proj.forward(x), _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v, window: _window)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class Qwen2Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public Qwen2Mlp(ModelConfig config, Device device) : base(nameof(Qwen2Mlp))
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
