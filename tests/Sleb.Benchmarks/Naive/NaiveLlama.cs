using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Torch.Families;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Benchmarks.Naive;

/// <summary>Llama in float32 as transformers writes it (modeling_llama.py), with any of its blocks left out.</summary>
/// <remarks>It shares no arithmetic with Sleb.Torch, so that what the product is measured against stays what it is.</remarks>
internal sealed class NaiveLlama : IDisposable
{
    private readonly int _heads, _keyValueHeads, _headDim;
    private readonly double _epsilon;
    private readonly RotaryEmbedding _rotary;
    private readonly Tensor _embedding, _norm, _head;
    private readonly Block[] _blocks;
    private readonly List<Tensor> _weights = [];

    public NaiveLlama(Checkpoint checkpoint)
    {
        var (config, family) = (checkpoint.Config, checkpoint.RequireFamily());
        if (config.ModelType != "llama") throw new CheckpointException($"{checkpoint.Folder} has model_type '{config.ModelType}'; the plain loop is written for llama. Leave naive out of --modes.");
        Settings.RequireActivation(config, "hidden_act", "silu");
        long hidden = config.HiddenSize, intermediate = config.IntermediateSize, vocabulary = config.VocabSize;
        (_heads, _keyValueHeads, _headDim) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim);
        _epsilon = config.Number("rms_norm_eps", absent: 1e-6);
        _rotary = RotaryEmbedding.Create(config, _headDim);
        _embedding = Read("model.embed_tokens.weight", vocabulary, hidden);
        _norm = Read("model.norm.weight", hidden);
        _head = checkpoint.HasOwnHead(family) ? Read("lm_head.weight", vocabulary, hidden) : _embedding;
        _blocks = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(ReadBlock)];

        Block ReadBlock(int index)
        {
            string at = $"model.layers.{index}.";
            return new(
                Read(at + "input_layernorm.weight", hidden),
                ReadLinear(at + "self_attn.q_proj", _heads * _headDim, hidden),
                ReadLinear(at + "self_attn.k_proj", _keyValueHeads * _headDim, hidden),
                ReadLinear(at + "self_attn.v_proj", _keyValueHeads * _headDim, hidden),
                ReadLinear(at + "self_attn.o_proj", hidden, _heads * _headDim),
                Read(at + "post_attention_layernorm.weight", hidden),
                ReadLinear(at + "mlp.gate_proj", intermediate, hidden),
                ReadLinear(at + "mlp.up_proj", intermediate, hidden),
                ReadLinear(at + "mlp.down_proj", hidden, intermediate));
        }

        Linear ReadLinear(string name, long outputs, long inputs) =>
            new(Read(name + ".weight", outputs, inputs), checkpoint.Has(name + ".bias") ? Read(name + ".bias", outputs) : null);

        Tensor Read(string name, params long[] shape)
        {
            var entry = checkpoint.Find(name, shape);
            var values = new float[entry.Elements];
            checkpoint.Read(entry, values);
            _weights.Add(tensor(values, shape).DetachFromDisposeScope());
            return _weights[^1];
        }
    }

    public int BlockCount => _blocks.Length;

    /// <summary>The hidden states behind the last of the blocks: (1, T, H).</summary>
    public Tensor Run(int[] ids, IEnumerable<int> alive)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var (cos, sin) = Angles(ids.Length);
        var x = _embedding.index_select(0, Ids(ids)).unsqueeze(0);
        foreach (int index in alive)
        {
            var output = Forward(_blocks[index], x, cos, sin);
            x.Dispose(); // as Python frees what no name holds any longer
            x = output;
        }
        return x.MoveToOuterDisposeScope();
    }

    /// <summary>CrossEntropyLoss over the shifted logits of the whole window, as the official script has it.</summary>
    public double Loss(Tensor hidden, int[] ids)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var logits = F.linear(Norm(hidden, _norm), _head);
        var shifted = logits[.., ..^1].contiguous();
        return F.cross_entropy(shifted.view(-1, shifted.shape[2]), Ids(ids[1..])).item<float>();
    }

    public void Dispose() => _weights.ForEach(weight => weight.Dispose());

    private Tensor Forward(Block block, Tensor x, Tensor cos, Tensor sin)
    {
        using var scope = NewDisposeScope();
        x = x.Plus(Attention(block, Norm(x, block.InputNorm), cos, sin));
        x = x.Plus(Mlp(block, Norm(x, block.PostAttentionNorm)));
        return x.MoveToOuterDisposeScope();
    }

    private Tensor Attention(Block block, Tensor x, Tensor cos, Tensor sin)
    {
        using var scope = NewDisposeScope();
        long length = x.shape[1], groups = _heads / _keyValueHeads;
        var q = Rotate(Heads(block.Query, _heads), cos, sin);
        var k = Rotate(Heads(block.Key, _keyValueHeads), cos, sin).repeat_interleave(groups, dim: 1);
        var v = Heads(block.Value, _keyValueHeads).repeat_interleave(groups, dim: 1);
        var y = F.scaled_dot_product_attention(q, k, v, is_casual: true);
        return block.Output.Apply(y.transpose(1, 2).reshape(1, length, _heads * _headDim)).MoveToOuterDisposeScope();

        Tensor Heads(Linear projection, int heads) => projection.Apply(x).view(1, length, heads, _headDim).transpose(1, 2);
    }

    private static Tensor Mlp(Block block, Tensor x)
    {
        using var scope = NewDisposeScope();
        return block.Down.Apply(F.silu(block.Gate.Apply(x)) * block.Up.Apply(x)).MoveToOuterDisposeScope();
    }

    private Tensor Norm(Tensor x, Tensor weight)
    {
        using var scope = NewDisposeScope();
        return (weight * (x * rsqrt((x * x).mean([-1], keepdim: true).Plus(_epsilon)))).MoveToOuterDisposeScope();
    }

    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        using var scope = NewDisposeScope();
        long half = x.shape[3] / 2;
        var turned = cat([-x[.., .., .., TensorIndex.Slice(half)], x[.., .., .., TensorIndex.Slice(0, half)]], dim: -1);
        return (x * cos).Plus(turned * sin).MoveToOuterDisposeScope();
    }

    private (Tensor Cos, Tensor Sin) Angles(int length)
    {
        var (cos, sin) = _rotary.Table(length);
        return (Whole(cos), Whole(sin));

        Tensor Whole(float[] table)
        {
            var half = tensor(table, [length, _headDim / 2]);
            return cat([half, half], dim: -1);
        }
    }

    private static Tensor Ids(int[] ids) => tensor(Array.ConvertAll(ids, id => (long)id));

    private sealed record Linear(Tensor Weight, Tensor? Bias)
    {
        public Tensor Apply(Tensor x) => F.linear(x, Weight, Bias);
    }

    private sealed record Block(
        Tensor InputNorm, Linear Query, Linear Key, Linear Value, Linear Output, Tensor PostAttentionNorm, Linear Gate, Linear Up, Linear Down);
}
