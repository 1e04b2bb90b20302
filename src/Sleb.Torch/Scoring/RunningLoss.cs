using Sleb.Torch.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>The cross entropy of a sequence's next tokens, from logits that come in slices of the vocabulary.</summary>
internal sealed class RunningLoss : IDisposable
{
    private readonly Tensor _next, _logSum, _target; // (T), of which the last is of no use

    public RunningLoss(int[] ids, Device device)
    {
        using var scope = NewDisposeScope();
        _next = tensor(Array.ConvertAll([.. ids[1..], ids[0]], id => (long)id), device: device).DetachFromDisposeScope();
        _logSum = tensor(Array.ConvertAll(ids, _ => double.NegativeInfinity), device: device).DetachFromDisposeScope();
        _target = zeros(ids.Length, dtype: float64, device: device).DetachFromDisposeScope();
    }

    /// <param name="logits">In float32, of some neighbouring tokens over some neighbouring entries: (tokens, rows).</param>
    public void Add(Tensor logits, long firstRow, long firstToken)
    {
        using var scope = NewDisposeScope();
        long tokens = logits.shape[0], rows = logits.shape[1];
        var local = _next.narrow(0, firstToken, tokens).Minus(firstRow);
        var within = local.Within(0, rows - 1);
        var found = logits.gather(1, within.unsqueeze(1)).squeeze(1).to(float64);
        var target = _target.narrow(0, firstToken, tokens);
        target.copy_(where(local.eq(within), found, target));
        var logSum = _logSum.narrow(0, firstToken, tokens);
        logSum.copy_(logaddexp(logSum, LogSumExp.OfRows(logits) ?? logits.logsumexp(-1).to(float64)));
    }

    /// <summary>How likely the entries just added are among all so far, summed over the tokens: (rows). The logits are used up.</summary>
    public Tensor Mass(Tensor logits, long firstToken)
    {
        using var scope = NewDisposeScope();
        return logits.sub_(_logSum.narrow(0, firstToken, logits.shape[0]).to(float32).unsqueeze(1)).exp_().sum([0L]).MoveToOuterDisposeScope();
    }

    public double[] Tokens()
    {
        using var scope = NewDisposeScope();
        return (_logSum - _target)[..^1].cpu().data<double>().ToArray();
    }

    /// <summary>The logarithm of the sum of all exponentials, for each token of the sequence.</summary>
    public double[] LogSums() => _logSum.cpu().data<double>().ToArray();

    public void Dispose()
    {
        _next.Dispose();
        _logSum.Dispose();
        _target.Dispose();
    }
}
