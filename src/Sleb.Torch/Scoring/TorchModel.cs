using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Families;
using Sleb.Core.Search;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;
using TorchSharp;

namespace Sleb.Torch.Scoring;

/// <summary>A checkpoint's weights in memory as float32, and as bfloat16 beside them where asked for, run with any of its blocks switched off.</summary>
internal sealed class TorchModel : IDisposable
{
    /// <summary>Tokens, and entries of the vocabulary, a pass of the head.</summary>
    private const int HeadChunk = 512, HeadRows = 4096;

    private readonly CausalLM _model;
    private readonly int _vocabulary;
    private readonly Device _device;
    private readonly References _references = new();
    private CausalLM? _lowered;

    private TorchModel(CausalLM model, ModelConfig config, Device device)
    {
        (_model, _vocabulary, HiddenSize, _device) = (model, config.VocabSize, config.HiddenSize, device);
        foreach (var module in model.modules())
            if (module is IMultiplies multiplies) multiplies.Products.References = _references;
    }

    public int BlockCount => _model.BlockCount;

    public int HiddenSize { get; }

    public int VocabularySize => _vocabulary;

    public Device Device => _device;

    /// <param name="gpuDeviceId">A CUDA device; null is the CPU.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the config says or holds a NaN.</exception>
    /// <exception cref="InvalidOperationException">The GPU asked for is not there.</exception>
    public static TorchModel Load(Checkpoint checkpoint, int? gpuDeviceId = null, CancellationToken cancellationToken = default)
    {
        var family = checkpoint.RequireFamily();
        LibTorch.EnsureLoaded();
        Allocator.KeepLargeBlocks();
        var device = TorchDevice.Get(gpuDeviceId);
        var model = TorchFamilies.Create(family, checkpoint.Config, checkpoint.HasOwnHead(family), device);
        try
        {
            model.eval();
            foreach (var (name, parameter) in model.named_parameters())
            {
                cancellationToken.ThrowIfCancellationRequested();
                Fill(parameter, checkpoint, checkpoint.Find(name, parameter.shape));
            }
            return new TorchModel(model, checkpoint.Config, device);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Makes the copy that <see cref="Arithmetic.Bf16"/> runs on: matrices in bfloat16, norms in float32.</summary>
    public void Lower(Checkpoint checkpoint)
    {
        if (_lowered is not null) return;
        var family = checkpoint.RequireFamily();
        var lowered = TorchFamilies.Create(family, checkpoint.Config, checkpoint.HasOwnHead(family), _device);
        lowered.eval();
        foreach (var module in lowered.modules())
            if (module is ILowPrecision) module.to(bfloat16);
        using var none = no_grad();
        foreach (var (full, low) in _model.parameters().Zip(lowered.parameters())) low.copy_(full);
        _lowered = lowered;
    }

    /// <summary>
    /// From here on weights are packed for windows of so many tokens as they are multiplied with, where the machine has room for them twice.
    /// </summary>
    public void Pack(int tokens)
    {
        long bytes = _model.parameters().Sum(parameter => parameter.numel() * parameter.element_size());
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8) return;
        foreach (var module in _model.modules())
            if (module is IMultiplies multiplies) multiplies.Products.PackedRows = [tokens, Math.Min(tokens, HeadChunk)];
    }

    /// <summary>
    /// Makes the blocks' weights in eight bits before a pass needs them: what stays then lies together. Between tensors that come and go
    /// it would leave gaps in which no large one finds room.
    /// </summary>
    public void RoundWeights(KeptMemory memory)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var hidden = Embed([0]);
        for (int block = 0; block < BlockCount; block++)
        {
            using var pass = new ReferencePass(memory);
            hidden = Run(hidden, block, write: pass);
        }
    }

    /// <summary>Mean loss of each window in nats per token, with only <paramref name="alive"/> (null: all) in place.</summary>
    public IReadOnlyList<double> WindowNll(IReadOnlyList<int[]> windows, IReadOnlyList<int>? alive, CancellationToken cancellationToken)
    {
        var losses = new double[windows.Count];
        for (int w = 0; w < losses.Length; w++)
        {
            using var scope = NewDisposeScope();
            var hidden = Run(Embed(windows[w]), alive ?? All(), Arithmetic.Fp32, cancellationToken);
            losses[w] = WindowLoss.Of(IBlockScorer.NoBlock, w, TokenNll(hidden, windows[w], Arithmetic.Fp32, cancellationToken)).Nll;
        }
        return losses;
    }

    /// <summary>Logits of every position, row-major [ids, vocabulary].</summary>
    public float[] Logits(IReadOnlyList<int> ids, IReadOnlyList<int>? alive = null)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return [.. _model.Head(_model.Norm(Run(Embed([.. ids]), alive ?? All(), Arithmetic.Fp32, default))).cpu().data<float>()];
    }

    /// <summary>The greedy continuation, without a cache: for a few tokens only.</summary>
    public IReadOnlyList<int> Greedy(IReadOnlyList<int> prompt, int newTokens, IReadOnlyCollection<int> stopIds, IReadOnlyList<int>? alive, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        var ids = prompt.ToList();
        while (ids.Count < prompt.Count + newTokens)
        {
            using var scope = NewDisposeScope();
            var hidden = Run(Embed([.. ids]), alive ?? All(), Arithmetic.Fp32, cancellationToken);
            int next = (int)_model.Head(_model.Norm(hidden[.., -1])).argmax(-1).item<long>();
            if (stopIds.Contains(next)) break;
            ids.Add(next);
        }
        return ids[prompt.Count..];
    }

    /// <summary>The first block's input: (B, T, H). Rows shorter than the longest are filled up behind their end, where no token of theirs looks.</summary>
    public Tensor Embed(params int[][] rows)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        int length = rows.Max(row => row.Length);
        long[] ids = new long[rows.Length * length];
        for (int row = 0; row < rows.Length; row++) Array.Copy(rows[row], 0, ids, row * length, rows[row].Length);
        return _model.Embed(tensor(ids, [rows.Length, length], device: _device)).MoveToOuterDisposeScope();
    }

    /// <summary>The output of the blocks, one after the other: (B, T, H). The input stays the caller's.</summary>
    public Tensor Run(Tensor input, IEnumerable<int> blocks, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        var model = In(arithmetic);
        var hidden = input;
        foreach (int block in blocks)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var output = model.Block(block, hidden);
            if (!ReferenceEquals(hidden, input)) hidden.Dispose();
            hidden = output;
        }
        return hidden;
    }

    /// <summary>A block's output in float32, or near it: (B, T, H). The input stays the caller's.</summary>
    /// <param name="write">Remembers the products.</param>
    /// <param name="read">Products of an input that differs little: the difference goes through in eight bits.</param>
    /// <param name="attentionIn">The type of attention's products; null is float32.</param>
    public Tensor Run(Tensor input, int block, ReferencePass? write = null, ReferencePass? read = null, ScalarType? attentionIn = null)
    {
        CausalAttention.ProductType = attentionIn;
        try
        {
            return Refer(write, read, () => _model.Block(block, input));
        }
        finally
        {
            CausalAttention.ProductType = null;
        }
    }

    /// <summary>From the last block's output to the logits of some entries of the vocabulary: (1, T, H) to (T, entries). The rest is as in a block.</summary>
    public Tensor Logits(Tensor hidden, VocabularySlice slice, ReferencePass? write = null, ReferencePass? read = null) =>
        Refer(write, read, () => _model.Head(_model.Norm(hidden)[0], slice));

    /// <summary>From the last block's output to the loss of each of the T-1 next tokens, log-sum-exp in float32.</summary>
    /// <remarks>
    /// By slices of the vocabulary: logits of some thousand entries are summed while they are in the cache. The last token predicts
    /// nothing, but 511 rows cost a quarter more than 512 in bfloat16.
    /// </remarks>
    public double[] TokenNll(Tensor hidden, int[] ids, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        using var loss = new RunningLoss(ids, _device);
        ForEachSlice(hidden, arithmetic, loss.Add, cancellationToken);
        return loss.Tokens();
    }

    /// <summary>The float32 logits of some tokens over some neighbouring entries, (tokens, entries), with the first entry and the first token.</summary>
    public void ForEachSlice(Tensor hidden, Arithmetic arithmetic, Action<Tensor, long, long> handle, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var model = In(arithmetic);
        hidden = model.Norm(hidden)[0]; // (T, H)
        long length = hidden.shape[0];
        for (long token = 0; token < length; token += HeadChunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var states = hidden.narrow(0, token, Math.Min(HeadChunk, length - token));
            for (long row = 0; row < _vocabulary; row += HeadRows)
            {
                using var slice = NewDisposeScope();
                handle(model.Head(states, new VocabularySlice(row, Math.Min(HeadRows, _vocabulary - row))).to(float32), row, token);
            }
        }
    }

    /// <summary>How likely each of <paramref name="ids"/> is behind the last block's output beside it: (N, H).</summary>
    public TokenScore[] Predict(Tensor hidden, int[] ids)
    {
        using var none = no_grad();
        var scores = new TokenScore[ids.Length];
        for (int start = 0; start < ids.Length; start += HeadChunk)
        {
            using var chunk = NewDisposeScope();
            int end = Math.Min(start + HeadChunk, ids.Length);
            var logits = _model.Head(_model.Norm(hidden[start..end]));
            var own = logits.gather(1, tensor(Array.ConvertAll(ids[start..end], id => (long)id), device: _device).unsqueeze(1)).squeeze(1);
            bool[] greedy = [.. (own == logits.amax([-1])).cpu().data<bool>()];
            float[] logProbabilities = [.. (own - logits.logsumexp(-1)).cpu().data<float>()];
            for (int i = start; i < end; i++) scores[i] = new(logProbabilities[i - start], greedy[i - start]);
        }
        return scores;
    }

    public void Dispose()
    {
        _lowered?.Dispose();
        _model.Dispose();
    }

    private CausalLM In(Arithmetic arithmetic) => arithmetic == Arithmetic.Fp32 ? _model
        : _lowered ?? throw new InvalidOperationException("The model was not lowered to bfloat16.");

    private Tensor Refer(ReferencePass? write, ReferencePass? read, Func<Tensor> run)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        (_references.Written, _references.Read) = (write, read);
        try
        {
            return run().MoveToOuterDisposeScope();
        }
        finally
        {
            _references.Clear();
        }
    }

    private IReadOnlyList<int> All() => [.. Enumerable.Range(0, BlockCount)];

    /// <summary>In slices, because a span holds at most 2^31 bytes.</summary>
    private static void Fill(Tensor parameter, Checkpoint checkpoint, TensorEntry entry)
    {
        const long Slice = 1 << 24;
        using var scope = NewDisposeScope();
        bool onCpu = parameter.device.type == TorchSharp.DeviceType.CPU;
        var flat = parameter.detach().view(-1);
        for (long start = 0; start < entry.Elements; start += Slice)
        {
            long count = Math.Min(Slice, entry.Elements - start);
            using var target = flat.narrow(0, start, count);
            using var staging = onCpu ? target.alias() : empty(count);
            checkpoint.Read(entry, MemoryMarshal.Cast<byte, float>(staging.bytes), start);
            if (!onCpu) target.copy_(staging);
        }
    }
}
