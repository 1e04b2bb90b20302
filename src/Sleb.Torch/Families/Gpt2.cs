using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>GPT-2 (Radford et al. 2019): learned positions, norms before each half, one projection for queries, keys and values.</summary>
internal sealed class Gpt2ForCausalLM : CausalLM
{
    private readonly Gpt2Model transformer;
    private readonly Linear? lm_head;

    public Gpt2ForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(Gpt2ForCausalLM))
    {
        if (config.Bool("add_cross_attention", absent: false))
            throw new CheckpointException("config.json has add_cross_attention true; GPT-2 models without an encoder are supported.");
        transformer = new Gpt2Model(config, device);
        if (ownHead) lm_head = new Linear(config.HiddenSize, config.VocabSize, bias: false, device);
        RegisterComponents();
    }

    public override int BlockCount => transformer.h.Count;

    public override Tensor Embed(Tensor ids) => transformer.wte.forward(ids).Plus(transformer.wpe.Rows(ids.shape[1]));

    public override Tensor Block(int index, Tensor hidden) => transformer.h[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => transformer.ln_f.forward(hidden);

    public override Tensor Head(Tensor hidden, VocabularySlice? slice) => lm_head?.Unembed(hidden, slice) ?? transformer.wte.Unembed(hidden, slice);
}

internal sealed class Gpt2Model : nn.Module
{
    public readonly Embedding wte;
    public readonly PositionEmbedding wpe;
    public readonly ModuleList<Gpt2Block> h;
    public readonly LayerNorm ln_f;

    public Gpt2Model(ModelConfig config, Device device) : base(nameof(Gpt2Model))
    {
        wte = new Embedding(config.VocabSize, config.HiddenSize, device);
        wpe = new PositionEmbedding(config.MaxPositionEmbeddings, config.HiddenSize, device);
        h = new ModuleList<Gpt2Block>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Gpt2Block(config, i, device))]);
        ln_f = new LayerNorm(config.HiddenSize, config.Number("layer_norm_epsilon", absent: 1e-5), device);
        RegisterComponents();
    }
}

internal sealed class Gpt2Block : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm ln_1, ln_2;
    private readonly Gpt2Attention attn;
    private readonly Gpt2Mlp mlp;

    public Gpt2Block(ModelConfig config, int index, Device device) : base(nameof(Gpt2Block))
    {
        double epsilon = config.Number("layer_norm_epsilon", absent: 1e-5);
        ln_1 = new LayerNorm(config.HiddenSize, epsilon, device);
        attn = new Gpt2Attention(config, index, device);
        ln_2 = new LayerNorm(config.HiddenSize, epsilon, device);
        mlp = new Gpt2Mlp(config, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(attn.forward(ln_1.forward(x)));
        x = x.Plus(mlp.forward(ln_2.forward(x)));
        return x.MoveToOuterDisposeScope();
    }
}

internal sealed class Gpt2Attention : nn.Module<Tensor, Tensor>
{
    private readonly Conv1D c_attn, c_proj;
    private readonly int _heads, _headDim;
    private readonly double _scale;

    public Gpt2Attention(ModelConfig config, int index, Device device) : base(nameof(Gpt2Attention))
    {
        (_heads, _headDim) = (config.NumAttentionHeads, config.HeadDim);
        _scale = config.Bool("scale_attn_weights", absent: true) ? 1 / Math.Sqrt(_headDim) : 1;
        if (config.Bool("scale_attn_by_inverse_layer_idx", absent: false)) _scale /= index + 1; // the block's own, whatever is removed before it
        c_attn = new Conv1D(config.HiddenSize, 3 * config.HiddenSize, device);
        c_proj = new Conv1D(config.HiddenSize, config.HiddenSize, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var qkv = c_attn.forward(x).view(batch, length, 3, _heads, _headDim).permute(2, 0, 3, 1, 4); // (3, B, nh, T, hs)
        var y = CausalAttention.Run(qkv[0], qkv[1], qkv[2], _scale);
        return c_proj.forward(y.transpose(1, 2).reshape(batch, length, _heads * _headDim)).MoveToOuterDisposeScope();
    }
}

internal sealed class Gpt2Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Conv1D c_fc, c_proj;
    private readonly Activation _activation;

    public Gpt2Mlp(ModelConfig config, Device device) : base(nameof(Gpt2Mlp))
    {
        int inner = config.Int("n_inner", absent: 4 * config.HiddenSize);
        _activation = Activations.Read(config, "activation_function", absent: "gelu_new");
        c_fc = new Conv1D(config.HiddenSize, inner, device);
        c_proj = new Conv1D(inner, config.HiddenSize, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return c_proj.forward(_activation.Apply(c_fc.forward(x))).MoveToOuterDisposeScope();
    }
}

/// <summary>y = x W + b: a linear layer whose weight lies as [in, out].</summary>
internal sealed class Conv1D : nn.Module<Tensor, Tensor>, ILowPrecision, IMultiplies
{
    private readonly Parameter weight, bias;

    public Conv1D(long inputs, long outputs, Device device) : base(nameof(Conv1D))
    {
        weight = new Parameter(empty(inputs, outputs, device: device), requires_grad: false);
        bias = new Parameter(empty(outputs, device: device), requires_grad: false);
        RegisterComponents();
    }

    public WeightProducts Products { get; } = new();

    public override Tensor forward(Tensor x)
    {
        using var turned = weight.t();
        return Products.Multiply(x, turned, bias);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Products.Dispose();
        base.Dispose(disposing);
    }
}
