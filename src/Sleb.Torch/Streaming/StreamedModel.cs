using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Streaming;

/// <summary>A checkpoint run in float32 with the weights of one block, or of one slice of the head, in memory at a time.</summary>
internal sealed class StreamedModel : IDisposable
{
    /// <summary>Vocabulary entries of a slice of the head, at most, and tokens that meet them at once: what their logits take.</summary>
    private const long HeadRows = 8192, HeadTokens = 256;

    private readonly Checkpoint _checkpoint;
    private readonly CausalLM _model;
    private readonly StreamedWeight[][] _blocks;
    private readonly StreamedWeight _table;
    private readonly StreamedWeight[] _head, _rest;
    private readonly WeightBuffer _buffer, _resident;
    private readonly ReadAhead _readAhead;
    private readonly long _headRows;
    private int? _block;

    private StreamedModel(Checkpoint checkpoint, Family family, CausalLM model)
    {
        (_checkpoint, _model, _readAhead) = (checkpoint, model, new ReadAhead(checkpoint));
        model.eval();
        var weights = new List<(string Name, StreamedWeight Weight)>();
        using var nothing = empty(0);
        foreach (var (name, parameter) in model.named_parameters())
        {
            weights.Add((name, new(parameter, checkpoint.Find(name, parameter.shape))));
            parameter.set_(nothing); // its memory goes before it was ever touched
        }
        var byBlock = weights.ToLookup(weight => BlockName.Index(weight.Name, family.BlockPrefix) ?? -1, weight => weight.Weight);
        _blocks = [.. Enumerable.Range(0, model.BlockCount).Select(block => byBlock[block].OrderBy(weight => weight.Entry.Offset).ToArray())];

        string table = model.named_modules().Single(module => module.module is Embedding).name + ".weight", head = family.Head[..(family.Head.IndexOf('.') + 1)];
        _table = weights.Single(weight => weight.Name == table).Weight;
        var outside = weights.Where(weight => weight.Name != table && BlockName.Index(weight.Name, family.BlockPrefix) is null).ToLookup(
            weight => weight.Name.StartsWith(head, StringComparison.Ordinal), weight => weight.Weight);
        bool tied = !weights.Exists(weight => weight.Name == family.Head);
        (_head, _rest) = (tied ? [_table, .. outside[true]] : [.. outside[true]], [.. outside[false]]);

        long largest = _blocks.Max(Room), headRow = Room(_head) / _table.Entry.Shape[0] + 1;
        // The same for every budget: how logits are summed must not depend on it.
        _headRows = Math.Clamp(largest / headRow, 1, HeadRows);
        _buffer = new WeightBuffer(checkpoint, Math.Max(largest, Room(_head, _headRows)));
        _resident = new WeightBuffer(checkpoint, Room(_rest));
    }

    public int BlockCount => _blocks.Length;

    /// <summary>Bytes of weights that are in memory: the largest block, and what every pass needs.</summary>
    public long WeightBytes => _buffer.Bytes + _resident.Bytes;

    /// <summary>An upper estimate of what a sequence of so many tokens takes on its way through a block or the head.</summary>
    public long WorkBytes(int tokens)
    {
        var config = _checkpoint.Config;
        long widest = _blocks.Max(block => block.Max(weight => weight.Entry.Shape.Max())); // the inner size of the MLP
        bool square = config.Has("attn_logit_softcapping"); // whose scores are held whole
        long scores = config.NumAttentionHeads * (square ? 3L * tokens : 2L * Math.Min(tokens, 128));
        return sizeof(float) * Math.Max(tokens * (4 * widest + 8L * config.HiddenSize + scores), 3 * HeadTokens * HeadRows);
    }

    /// <summary>Names, shapes and places only: memory is touched when the first block is loaded.</summary>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the config says.</exception>
    public static StreamedModel Open(Checkpoint checkpoint)
    {
        checkpoint.RequireFamily();
        LibTorch.EnsureLoaded();
        var family = checkpoint.Config.Family!; // its names are the modules', which a checkpoint may shorten
        var model = TorchFamilies.Create(family, checkpoint.Config, checkpoint.HasOwnHead(family), CPU);
        try
        {
            return new StreamedModel(checkpoint, family, model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The first block's input, (1, T, H): only the rows of these ids are read.</summary>
    public Tensor Embed(int[] ids)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        LoadRest();
        var rows = empty(ids.Length, _table.Entry.Shape[1]);
        for (int i = 0; i < ids.Length; i++)
        {
            using var row = rows[i];
            _checkpoint.Read(_table.Entry, MemoryMarshal.Cast<byte, float>(row.bytes), ids[i] * _table.Entry.Shape[1]);
        }
        _table.Parameter.set_(rows);
        return _model.Embed(arange(ids.Length).unsqueeze(0)).DetachFromDisposeScope();
    }

    /// <summary>Reads a block's weights in the place of those before, and has <paramref name="next"/> (null: the head) read ahead.</summary>
    public void LoadBlock(int block, int? next)
    {
        if (_block == block) return;
        _block = null;
        _buffer.Clear();
        foreach (var weight in _blocks[block]) weight.Load(_buffer);
        _block = block;
        _readAhead.Start([.. (next is { } ahead ? _blocks[ahead] : _head).Select(weight => weight.Entry)]);
    }

    /// <summary>The loaded block's output: (1, T, H).</summary>
    public Tensor Block(Tensor hidden)
    {
        using var none = no_grad();
        return _model.Block(_block ?? throw new InvalidOperationException("No block is loaded."), hidden);
    }

    /// <summary>The losses of each sequence's next tokens, in nats, from its state behind the last block; the states are disposed.</summary>
    public IReadOnlyList<double[]> Losses(IReadOnlyList<Tensor> states, IReadOnlyList<int[]> ids, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        var normed = new List<Tensor>();
        var losses = new List<RunningLoss>();
        try
        {
            for (int i = 0; i < states.Count; i++)
            {
                using var state = states[i];
                using var scope = NewDisposeScope();
                normed.Add(_model.Norm(state)[0, ..^1].DetachFromDisposeScope()); // (T - 1, H)
                losses.Add(new RunningLoss(ids[i]));
            }
            for (long first = 0; first < _table.Entry.Shape[0]; first += _headRows)
            {
                LoadHead(first);
                for (int i = 0; i < normed.Count; i++) AddSlice(losses[i], normed[i], first, cancellationToken);
            }
            return losses.ConvertAll(loss => loss.Tokens());
        }
        finally
        {
            normed.ForEach(state => state.Dispose());
            losses.ForEach(loss => loss.Dispose());
        }
    }

    public void Dispose()
    {
        _readAhead.Dispose();
        _model.Dispose();
        _buffer.Dispose();
        _resident.Dispose();
    }

    private void AddSlice(RunningLoss loss, Tensor normed, long firstRow, CancellationToken cancellationToken)
    {
        for (long token = 0; token < normed.shape[0]; token += HeadTokens)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            loss.Add(_model.Head(normed.narrow(0, token, Math.Min(HeadTokens, normed.shape[0] - token))), firstRow, token);
        }
    }

    private void LoadHead(long firstRow)
    {
        _block = null;
        _buffer.Clear();
        foreach (var weight in _head) _buffer.Lend(weight, firstRow, Math.Min(_headRows, weight.Entry.Shape[0] - firstRow));
    }

    /// <summary>Norms and positions: read once, and kept.</summary>
    private void LoadRest()
    {
        if (_resident.IsEmpty)
            foreach (var weight in _rest) weight.Load(_resident);
    }

    private static long Room(IEnumerable<StreamedWeight> weights) => weights.Sum(weight => WeightBuffer.Room(weight.Entry.Elements));

    private static long Room(IEnumerable<StreamedWeight> weights, long rows) =>
        weights.Sum(weight => WeightBuffer.Room(weight.Entry.Elements / weight.Entry.Shape[0] * rows));
}
