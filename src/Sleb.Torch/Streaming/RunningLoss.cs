namespace Sleb.Torch.Streaming;

/// <summary>The cross entropy of a sequence's next tokens, from logits that come in slices of the vocabulary.</summary>
internal sealed class RunningLoss : IDisposable
{
    private readonly Tensor _next, _logSum, _target; // (T), of which the last is of no use

    public RunningLoss(int[] ids)
    {
        using var scope = NewDisposeScope();
        _next = tensor(Array.ConvertAll([.. ids[1..], ids[0]], id => (long)id)).DetachFromDisposeScope();
        _logSum = full(ids.Length, double.NegativeInfinity, dtype: float64).DetachFromDisposeScope();
        _target = zeros(ids.Length, dtype: float64).DetachFromDisposeScope();
    }

    /// <param name="logits">Of some neighbouring tokens over some neighbouring entries: (tokens, rows).</param>
    public void Add(Tensor logits, long firstRow, long firstToken)
    {
        using var scope = NewDisposeScope();
        long tokens = logits.shape[0], rows = logits.shape[1];
        var logSum = _logSum.narrow(0, firstToken, tokens);
        logSum.copy_(logaddexp(logSum, logits.logsumexp(-1).to(float64)));
        var local = _next.narrow(0, firstToken, tokens) - firstRow;
        var found = logits.gather(1, local.clamp(0, rows - 1).unsqueeze(1)).squeeze(1).to(float64);
        var target = _target.narrow(0, firstToken, tokens);
        target.copy_(where(local.ge(0).logical_and(local.lt(rows)), found, target));
    }

    public double[] Tokens()
    {
        using var scope = NewDisposeScope();
        return (_logSum - _target)[..^1].data<double>().ToArray();
    }

    public void Dispose()
    {
        _next.Dispose();
        _logSum.Dispose();
        _target.Dispose();
    }
}
