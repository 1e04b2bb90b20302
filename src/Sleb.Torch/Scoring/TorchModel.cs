using System.Runtime.InteropServices;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>A checkpoint's weights in memory as float32, run with any of its blocks switched off.</summary>
internal sealed class TorchModel : IDisposable
{
    /// <summary>Tokens a pass of the head: logits of a whole window would be windows x vocabulary floats.</summary>
    private const int HeadChunk = 256;

    private readonly CausalLM _model;
    private readonly Device _device;

    private TorchModel(CausalLM model, Device device)
    {
        _model = model;
        _device = device;
    }

    public int BlockCount => _model.BlockCount;

    /// <param name="gpuDeviceId">A CUDA device; null is the CPU.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape than the config says or holds a NaN.</exception>
    /// <exception cref="InvalidOperationException">The GPU asked for is not there.</exception>
    public static TorchModel Load(Checkpoint checkpoint, int? gpuDeviceId = null, CancellationToken cancellationToken = default)
    {
        var family = checkpoint.RequireFamily();
        LibTorch.EnsureLoaded();
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
            return new TorchModel(model, device);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Mean loss of each window in nats per token, with only <paramref name="alive"/> (null: all) in place.</summary>
    public IReadOnlyList<double> WindowNll(IReadOnlyList<int[]> windows, IReadOnlyList<int>? alive, CancellationToken cancellationToken)
    {
        var losses = new double[windows.Count];
        for (int w = 0; w < losses.Length; w++)
        {
            using var hidden = Embed(windows[w]);
            losses[w] = Loss(hidden, alive, windows[w], cancellationToken);
        }
        return losses;
    }

    /// <summary>Logits of every position, row-major [ids, vocabulary].</summary>
    public float[] Logits(IReadOnlyList<int> ids, IReadOnlyList<int>? alive = null)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        return [.. _model.Head(_model.Norm(Run(alive, Embed([.. ids]), default))).cpu().data<float>()];
    }

    /// <summary>The greedy continuation, without a cache: for a few tokens only.</summary>
    public IReadOnlyList<int> Greedy(IReadOnlyList<int> prompt, int newTokens, IReadOnlyCollection<int> stopIds, IReadOnlyList<int>? alive, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        var ids = prompt.ToList();
        while (ids.Count < prompt.Count + newTokens)
        {
            using var scope = NewDisposeScope();
            var hidden = Run(alive, Embed([.. ids]), cancellationToken);
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

    /// <summary>One block's output: (1, T, H).</summary>
    public Tensor Block(int index, Tensor hidden)
    {
        using var none = no_grad();
        return _model.Block(index, hidden);
    }

    /// <summary>Runs the blocks, then the head: the mean cross entropy of the T-1 next tokens, log-sum-exp in float32, sum in double.</summary>
    public double Loss(Tensor hidden, IEnumerable<int>? blocks, int[] ids, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        hidden = _model.Norm(Run(blocks, hidden, cancellationToken))[0]; // (T, H)
        int targets = ids.Length - 1;
        double sum = 0;
        for (int start = 0; start < targets; start += HeadChunk)
        {
            using var chunk = NewDisposeScope();
            int end = Math.Min(start + HeadChunk, targets);
            var logits = _model.Head(hidden[start..end]);
            sum += (logits.logsumexp(-1) - At(logits, ids[(start + 1)..(end + 1)])).to(float64).sum().item<double>();
        }
        return sum / targets;
    }

    /// <summary>How likely each of <paramref name="ids"/> is behind the hidden state beside it: (N, H).</summary>
    public TokenScore[] Predict(Tensor hidden, int[] ids)
    {
        using var none = no_grad();
        var scores = new TokenScore[ids.Length];
        for (int start = 0; start < ids.Length; start += HeadChunk)
        {
            using var chunk = NewDisposeScope();
            int end = Math.Min(start + HeadChunk, ids.Length);
            var logits = _model.Head(_model.Norm(hidden[start..end]));
            var found = At(logits, ids[start..end]);
            float[] logProbabilities = [.. (found - logits.logsumexp(-1)).cpu().data<float>()];
            bool[] greedy = [.. (found == logits.amax([-1])).cpu().data<bool>()];
            for (int i = start; i < end; i++) scores[i] = new(logProbabilities[i - start], greedy[i - start]);
        }
        return scores;
    }

    /// <summary>What comes out of the blocks (null: all) for <paramref name="hidden"/>: (B, T, H).</summary>
    public Tensor Run(IEnumerable<int>? blocks, Tensor hidden, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        var input = hidden;
        foreach (int block in blocks ?? All())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var output = _model.Block(block, hidden);
            if (!ReferenceEquals(hidden, input)) hidden.Dispose(); // the caller's own tensor stays
            hidden = output;
        }
        return hidden;
    }

    public void Dispose() => _model.Dispose();

    private IReadOnlyList<int> All() => [.. Enumerable.Range(0, BlockCount)];

    /// <summary>Each row's logit of the id beside it: (N, V) to (N).</summary>
    private Tensor At(Tensor logits, int[] ids) =>
        logits.gather(1, tensor(Array.ConvertAll(ids, id => (long)id), device: _device).unsqueeze(1)).squeeze(1);

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
