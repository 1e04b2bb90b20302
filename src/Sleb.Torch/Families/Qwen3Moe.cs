using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>Qwen 3 with a mixture of experts (Yang et al. 2025): Qwen 3 whose MLPs are a router and many small MLPs.</summary>
internal sealed class Qwen3MoeForCausalLM : CausalLM
{
    private readonly Qwen3MoeModel model;
    private readonly Linear? lm_head;

    public Qwen3MoeForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Qwen3MoeForCausalLM))
    {
        Settings.RequireActivation(config, "hidden_act", "silu");
        model = new Qwen3MoeModel(config, device);
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

internal sealed class Qwen3MoeModel : nn.Module
{
    public readonly Embedding embed_tokens;
    public readonly ModuleList<Qwen3MoeBlock> layers;
    public readonly RMSNorm norm;

    public Qwen3MoeModel(ModelConfig config, Device device) : base(nameof(Qwen3MoeModel))
    {
        Rotary = new RotaryTensors(RotaryEmbedding.Create(config, config.HeadDim), device);
        embed_tokens = new Embedding(config.VocabSize, config.HiddenSize, device);
        var windows = BlockPattern.Windows(config);
        bool[] sparse = BlockPattern.IsSparse(config);
        layers = new ModuleList<Qwen3MoeBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Qwen3MoeBlock(config, Rotary, windows[i], sparse[i], device))]);
        norm = new RMSNorm(config.HiddenSize, config.Number("rms_norm_eps", absent: 1e-6), device);
        RegisterComponents();
    }

    public RotaryTensors Rotary { get; }
}

internal sealed class Qwen3MoeBlock : nn.Module<Tensor, Tensor>
{
    private readonly RMSNorm input_layernorm, post_attention_layernorm;
    private readonly Qwen3MoeAttention self_attn;
    private readonly nn.Module<Tensor, Tensor> mlp;

    public Qwen3MoeBlock(ModelConfig config, RotaryTensors rotary, int? window, bool sparse, Device device) : base(nameof(Qwen3MoeBlock))
    {
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        input_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        self_attn = new Qwen3MoeAttention(config, rotary, window, device);
        post_attention_layernorm = new RMSNorm(config.HiddenSize, epsilon, device);
        mlp = sparse ? new Qwen3MoeExperts(config, device) : new Qwen3MoeMlp(config, config.IntermediateSize, device);
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

internal sealed class Qwen3MoeAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly RMSNorm q_norm, k_norm;
    private readonly RotaryTensors _rotary;
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly int? _window;

    public Qwen3MoeAttention(ModelConfig config, RotaryTensors rotary, int? window, Device device) : base(nameof(Qwen3MoeAttention))
    {
        _rotary = rotary;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _window = window;
        bool bias = config.Bool("attention_bias", absent: false);
        q_proj = new Linear(config.HiddenSize, _heads * _headDim, bias, device);
        k_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        v_proj = new Linear(config.HiddenSize, _keyValueHeads * _headDim, bias, device);
        o_proj = new Linear(_heads * _headDim, config.HiddenSize, bias, device);
        double epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        (q_norm, k_norm) = (new RMSNorm(_headDim, epsilon, device), new RMSNorm(_headDim, epsilon, device));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var q = _rotary.Apply(q_norm.forward(Heads(q_proj.forward(x), _heads)));         // (B, nh, T, hs)
        var k = _rotary.Apply(k_norm.forward(Heads(k_proj.forward(x), _keyValueHeads))); // (B, nkv, T, hs)
        var v = Heads(v_proj.forward(x), _keyValueHeads);
        return o_proj.forward(CausalAttention.Merged(q, k, v, window: _window)).MoveToOuterDisposeScope();

        Tensor Heads(Tensor projected, int heads) => projected.view(batch, length, heads, _headDim).transpose(1, 2);
    }
}

/// <summary>Each token goes through its top experts, weighted by the router's softmax (Shazeer et al. 2017).</summary>
internal sealed class Qwen3MoeExperts : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate;
    private readonly ModuleList<Qwen3MoeMlp> experts;
    private readonly int _top;
    private readonly bool _normalize;

    public Qwen3MoeExperts(ModelConfig config, Device device) : base(nameof(Qwen3MoeExperts))
    {
        var (count, top) = Settings.Experts(config);
        (_top, _normalize) = (top, config.Bool("norm_topk_prob", absent: false));
        gate = new Linear(config.HiddenSize, count, bias: false, device);
        int inner = config.Int("moe_intermediate_size", absent: 768);
        experts = new ModuleList<Qwen3MoeMlp>([.. Enumerable.Range(0, count).Select(_ => new Qwen3MoeMlp(config, inner, device))]);
        RegisterComponents();
    }

    /// <summary>Each text for itself: the last bits of an expert's product depend on how many tokens it has.</summary>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return stack(x.unbind().Select(Route)).MoveToOuterDisposeScope();
    }

    private Tensor Route(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var (weights, chosen) = gate.forward(tokens).to(float32).softmax(-1).topk(_top, dim: -1);             // (T, top)
        if (_normalize) weights = weights / weights.sum(-1, keepdim: true);
        var y = zeros_like(tokens);
        for (int e = 0; e < experts.Count; e++)
        {
            using var expert = NewDisposeScope();
            var at = chosen.IsEqual(e).nonzero();                                                 // (tokens of this expert, 2)
            if (at.shape[0] == 0) continue;
            var rows = at.select(1, 0);
            var weight = weights.index_select(0, rows).gather(1, at.narrow(1, 1, 1));
            y.PlusRowsInPlace(rows, experts[e].forward(tokens.index_select(0, rows)) * weight);
        }
        return y.MoveToOuterDisposeScope();
    }
}

internal sealed class Qwen3MoeMlp : nn.Module<Tensor, Tensor>
{
    private readonly Linear gate_proj, up_proj, down_proj;

    public Qwen3MoeMlp(ModelConfig config, int inner, Device device) : base(nameof(Qwen3MoeMlp))
    {
        gate_proj = new Linear(config.HiddenSize, inner, bias: false, device);
        up_proj = new Linear(config.HiddenSize, inner, bias: false, device);
        down_proj = new Linear(inner, config.HiddenSize, bias: false, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return down_proj.forward(ActivationTensors.SiluTimes(gate_proj.forward(x), up_proj.forward(x))).MoveToOuterDisposeScope();
    }
}
