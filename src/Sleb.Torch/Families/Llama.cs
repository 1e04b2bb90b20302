using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Llama (Touvron et al. 2023) and the families that are Llama under another label, Mistral's sliding window included.</summary>
internal sealed class LlamaForCausalLM : CausalLM
{
    private readonly LlamaModel model;
    private readonly Linear? lm_head;

    public LlamaForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(LlamaForCausalLM))
    {
        if (config.Text("hidden_act") is { } act && act != "silu")
            throw new CheckpointException($"config.json has hidden_act '{act}'; llama models with silu are supported.");
        model = new LlamaModel(config, device);
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

internal sealed class LlamaModel : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<LlamaBlock> layers;
    public readonly RMSNorm norm;

    public LlamaModel(ModelConfig config, Device device) : base(nameof(LlamaModel))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        layers = new ModuleList<LlamaBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new LlamaBlock(config, Rotary, device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class LlamaBlock : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm input_layernorm, post_attention_layernorm;
    private readonly LlamaAttention self_attn;
    private readonly LlamaMlp mlp;

    public LlamaBlock(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(LlamaBlock))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        input_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        self_attn = new LlamaAttention(config, rotary, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = new LlamaMlp(config, device);
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

internal sealed class LlamaAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;

    public LlamaAttention(ModelConfig config, RotaryTensors rotary, Device device) : base(nameof(LlamaAttention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = config.SlidingWindow;
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
        var y = CausalAttention.Run(q, k, v, window: _window);
        return o_proj.forward(y.transpose(1, 2).reshape(batch, length, _heads * _headDim)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

internal sealed class LlamaMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public LlamaMlp(ModelConfig config, Device device) : base(nameof(LlamaMlp))
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
