using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;

namespace Sleb.Torch.Streaming;

/// <summary>A checkpoint run with the weights of one block, or of one slice of the head, in memory at a time.</summary>
internal sealed class StreamedModel : IDisposable
{
    /// <summary>Tokens that meet a slice of the head at once: their logits take so many times the slice's entries.</summary>
    private const long HeadTokens = 256;

    private readonly Checkpoint _checkpoint;
    private readonly StreamedPieces _full;
    private readonly StreamedPieces? _lowered;
    private readonly ReadAhead _readAhead;

    /// <param name="lower">Whether <see cref="Arithmetic.Bf16"/> will be asked for.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape than the config says.</exception>
    public StreamedModel(Checkpoint checkpoint, bool lower = false)
    {
        checkpoint.RequireFamily();
        LibTorch.EnsureLoaded();
        _checkpoint = checkpoint;
        _full = new StreamedPieces(checkpoint, Arithmetic.Fp32);
        _lowered = lower ? new StreamedPieces(checkpoint, Arithmetic.Bf16) : null;
        _readAhead = new ReadAhead(checkpoint);
    }

    public int BlockCount => _full.Blocks.Count;

    /// <summary>Times that a block's weights came from the checkpoint.</summary>
    public int BlocksRead { get; private set; }

    public int HiddenSize => _checkpoint.Config.HiddenSize;

    /// <summary>Bytes of weights that are in memory: the largest block, and what every pass needs.</summary>
    public long WeightBytes => _full.Bytes + (_lowered?.Bytes ?? 0);

    /// <summary>An upper estimate of what a sequence of so many tokens takes on its way through a block or the head.</summary>
    public long WorkBytes(int tokens)
    {
        const long queries = 128; // attention's chunk
        var config = _checkpoint.Config;
        long widest = _full.Blocks.Max(block => block.Max(weight => weight.Entry.Shape.Max())); // the inner size of the MLP
        long perToken = 4 * widest + 8L * config.HiddenSize + 3 * queries * config.NumAttentionHeads;
        return sizeof(float) * Math.Max(tokens * perToken, 4 * HeadTokens * _full.HeadRows);
    }

    /// <summary>The first block's input, (1, T, H), in float32: only the rows of these ids are read.</summary>
    public Tensor Embed(int[] ids)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        _full.LoadRest();
        var table = _full.Table;
        long row = table.Entry.Shape[1];
        var rows = empty(ids.Length, row);
        for (int i = 0; i < ids.Length; i++)
        {
            using var target = rows[i];
            _checkpoint.Read(table.Entry, MemoryMarshal.Cast<byte, float>(target.bytes), ids[i] * row);
        }
        table.Parameter.set_(rows);
        return _full.Model.Embed(tensor([.. Enumerable.Range(0, ids.Length).Select(row => (long)row)], [1, ids.Length])).DetachFromDisposeScope();
    }

    /// <summary>A block's output, (1, T, H), which is the caller's. Where the block is not in memory, it takes the place of the one that is.</summary>
    /// <param name="next">The block (null: the head) that is read ahead meanwhile.</param>
    public Tensor Block(int block, Tensor hidden, Arithmetic arithmetic, int? next)
    {
        var pieces = In(arithmetic);
        if (pieces.LoadBlock(block))
        {
            BlocksRead++;
            _readAhead.Start(next is { } ahead ? _full.Blocks[ahead] : _full.Head);
        }
        using var none = no_grad();
        return pieces.Model.Block(block, hidden).DetachFromDisposeScope();
    }

    /// <summary>The losses of each sequence's next tokens, in nats, from its state behind the last block; the states are disposed.</summary>
    public IReadOnlyList<double[]> TokenNll(IReadOnlyList<Tensor> states, IReadOnlyList<int[]> ids, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        var losses = ids.Select(sequence => new RunningLoss(sequence, CPU)).ToList();
        try
        {
            Head(states, arithmetic, cancellationToken, (sequence, token, row, logits) => losses[sequence].Add(logits, row, token));
            return losses.ConvertAll(loss => loss.Tokens());
        }
        finally
        {
            losses.ForEach(loss => loss.Dispose());
        }
    }

    /// <summary>Logits of every position, row-major [T, vocabulary], from a state behind the last block; the state is disposed.</summary>
    public float[] Logits(Tensor state, CancellationToken cancellationToken)
    {
        long vocabulary = _full.Table.Rows;
        var all = new float[state.shape[1] * vocabulary];
        Head([state], Arithmetic.Fp32, cancellationToken, (_, token, row, logits) =>
        {
            long rows = logits.shape[1];
            float[] slice = logits.data<float>().ToArray();
            for (long t = 0; t < logits.shape[0]; t++) Array.Copy(slice, t * rows, all, (token + t) * vocabulary + row, rows);
        });
        return all;
    }

    public void Dispose()
    {
        _readAhead.Dispose();
        _lowered?.Dispose();
        _full.Dispose();
    }

    /// <summary>Every state's float32 logits, a slice of the vocabulary and some tokens at a time: sequence, first token, first entry, (tokens, entries).</summary>
    private void Head(IReadOnlyList<Tensor> states, Arithmetic arithmetic, CancellationToken cancellationToken, Action<int, long, long, Tensor> handle)
    {
        using var none = no_grad();
        var pieces = In(arithmetic);
        pieces.LoadRest();
        var normed = new List<Tensor>();
        try
        {
            foreach (var state in states)
            {
                normed.Add(pieces.Model.Norm(state).DetachFromDisposeScope()); // (1, T, H)
                state.Dispose();
            }
            for (long row = 0; row < pieces.Table.Rows; row += pieces.HeadRows)
            {
                pieces.LoadHead(row);
                for (int i = 0; i < normed.Count; i++)
                    for (long token = 0, length = normed[i].shape[1]; token < length; token += HeadTokens)
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        using var scope = NewDisposeScope();
                        handle(i, token, row, pieces.Model.Head(normed[i][0].narrow(0, token, Math.Min(HeadTokens, length - token))).to(float32));
                    }
            }
        }
        finally
        {
            normed.ForEach(state => state.Dispose());
        }
    }

    private StreamedPieces In(Arithmetic arithmetic) => arithmetic == Arithmetic.Fp32 ? _full
        : _lowered ?? throw new InvalidOperationException("The model was not lowered to bfloat16.");
}
