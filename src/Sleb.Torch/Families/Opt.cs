using Sleb.Core.Families;
using TorchSharp.Modules;

namespace Sleb.Torch.Families;

/// <summary>OPT (Zhang et al. 2022): learned positions, and norms before each half of a block, or behind it in the 350M model.</summary>
internal sealed class OptForCausalLM : CausalLM
{
    private readonly OptModel model;
    private readonly Linear? lm_head;

    public OptForCausalLM(ModelConfig config, bool ownHead, Device device) : base(nameof(OptForCausalLM))
    {
        model = new OptModel(config, device);
        if (ownHead) lm_head = new Linear(config.Int("word_embed_proj_dim", config.HiddenSize), config.VocabSize, bias: false, device);
        RegisterComponents();
    }

    public override int BlockCount => model.decoder.layers.Count;

    public override Tensor Embed(Tensor ids)
    {
        var embedded = model.decoder.embed_tokens.forward(ids); // (B, T, E)
        return (model.decoder.project_in?.forward(embedded) ?? embedded).Plus(model.decoder.embed_positions.Rows(ids.shape[1]));
    }

    public override Tensor Block(int index, Tensor hidden) => model.decoder.layers[index].forward(hidden);

    public override Tensor Norm(Tensor hidden) => model.decoder.final_layer_norm?.forward(hidden) ?? hidden.alias();

    public override Tensor Head(Tensor hidden, VocabularySlice? slice)
    {
        using var scope = NewDisposeScope();
        var projected = model.decoder.project_out?.forward(hidden) ?? hidden; // (…, E)
        return (lm_head?.Unembed(projected, slice) ?? model.decoder.embed_tokens.Unembed(projected, slice)).MoveToOuterDisposeScope();
    }
}

internal sealed class OptModel : nn.Module
{
    public readonly OptDecoder decoder;

    public OptModel(ModelConfig config, Device device) : base(nameof(OptModel))
    {
        decoder = new OptDecoder(config, device);
        RegisterComponents();
    }
}

internal sealed class OptDecoder : nn.Module
{
    /// <summary>fairseq numbered positions from behind its padding id, 1.</summary>
    private const int PositionOffset = 2;

    public readonly Embedding embed_tokens;
    public readonly PositionEmbedding embed_positions;
    public readonly Linear? project_in, project_out;
    public readonly ModuleList<OptBlock> layers;
    public readonly LayerNorm? final_layer_norm;

    public OptDecoder(ModelConfig config, Device device) : base(nameof(OptDecoder))
    {
        int embedded = config.Int("word_embed_proj_dim", config.HiddenSize);
        embed_tokens = new Embedding(config.VocabSize, embedded, device);
        embed_positions = new PositionEmbedding(config.MaxPositionEmbeddings, config.HiddenSize, device, PositionOffset);
        if (embedded != config.HiddenSize)
        {
            project_in = new Linear(embedded, config.HiddenSize, bias: false, device);
            project_out = new Linear(config.HiddenSize, embedded, bias: false, device);
        }
        layers = new ModuleList<OptBlock>([.. Enumerable.Range(0, config.NumHiddenLayers).Select(_ => new OptBlock(config, device))]);
        if (config.Bool("do_layer_norm_before", absent: true) && !config.Bool("_remove_final_layer_norm", absent: false))
            final_layer_norm = OptBlock.Norm(config, device);
        RegisterComponents();
    }
}

internal sealed class OptBlock : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm self_attn_layer_norm, final_layer_norm;
    private readonly OptAttention self_attn;
    private readonly Linear fc1, fc2;
    private readonly Activation _activation;
    private readonly bool _normBefore;

    public OptBlock(ModelConfig config, Device device) : base(nameof(OptBlock))
    {
        bool bias = config.Bool("enable_bias", absent: true);
        _activation = Activations.Read(config, "activation_function", absent: "relu");
        _normBefore = config.Bool("do_layer_norm_before", absent: true);
        self_attn = new OptAttention(config, bias, device);
        self_attn_layer_norm = Norm(config, device);
        fc1 = new Linear(config.HiddenSize, config.Int("ffn_dim"), bias, device);
        fc2 = new Linear(config.Int("ffn_dim"), config.HiddenSize, bias, device);
        final_layer_norm = Norm(config, device);
        RegisterComponents();
    }

    /// <summary>OPT's config has no epsilon.</summary>
    public static LayerNorm Norm(ModelConfig config, Device device) =>
        new(config.HiddenSize, epsilon: 1e-5, device, affine: config.Bool("layer_norm_elementwise_affine", absent: true));

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        x = Half(x, self_attn_layer_norm, self_attn.forward);
        x = Half(x, final_layer_norm, y => fc2.forward(_activation.Apply(fc1.forward(y))));
        return x.MoveToOuterDisposeScope();

        Tensor Half(Tensor input, LayerNorm norm, Func<Tensor, Tensor> branch) =>
            _normBefore ? input.Plus(branch(norm.forward(input))) : norm.forward(input.Plus(branch(input)));
    }
}

internal sealed class OptAttention : nn.Module<Tensor, Tensor>
{
    private readonly Linear q_proj, k_proj, v_proj, out_proj;
    private readonly int _heads, _headDim;

    public OptAttention(ModelConfig config, bool bias, Device device) : base(nameof(OptAttention))
    {
        (_heads, _headDim) = (config.NumAttentionHeads, config.HeadDim);
        int size = config.HiddenSize;
        q_proj = new Linear(size, size, bias, device);
        k_proj = new Linear(size, size, bias, device);
        v_proj = new Linear(size, size, bias, device);
        out_proj = new Linear(size, size, bias, device);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        long batch = x.shape[0], length = x.shape[1];
        var y = CausalAttention.Run(Heads(q_proj), Heads(k_proj), Heads(v_proj)); // (B, nh, T, hs)
        return out_proj.forward(y.transpose(1, 2).reshape(batch, length, _heads * _headDim)).MoveToOuterDisposeScope();

        Tensor Heads(Linear projection) => projection.forward(x).view(batch, length, _heads, _headDim).transpose(1, 2);
    }
}
