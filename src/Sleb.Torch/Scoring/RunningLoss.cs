using Sleb.Torch.Families;

namespace Sleb.Torch.Scoring;

/// <summary>The cross entropy of a sequence's next tokens, from logits that come in slices of the vocabulary.</summary>
internal sealed class RunningLoss : IDisposable
{
    private readonly Tensor _next, _logSum, _target, _shift; // (T), of which the last is of no use

    public RunningLoss(int[] ids, Device device)
    {
        using var scope = NewDisposeScope();
        _next = tensor(Array.ConvertAll([.. ids[1..], ids[0]], id => (long)id), device: device).DetachFromDisposeScope();
        _logSum = tensor(Array.ConvertAll(ids, _ => double.NegativeInfinity), device: device).DetachFromDisposeScope();
        _target = zeros(ids.Length, dtype: float64, device: device).DetachFromDisposeScope();
        _shift = zeros(ids.Length, dtype: float64, device: device).DetachFromDisposeScope();
    }

    /// <param name="logits">In float32, of some neighbouring tokens over some neighbouring entries: (tokens, rows). They become exponentials.</param>
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
        var shift = _shift.narrow(0, firstToken, tokens);
        logSum.copy_(logaddexp(logSum, ExponentialsInPlace(logits, shift).sum(-1).log_().to(float64).PlusInPlace(shift)));
    }

    /// <summary>How likely the entries just added are among all so far, summed over the tokens: (rows).</summary>
    /// <param name="exponentials">What <see cref="Add"/> made of the logits.</param>
    public Tensor Mass(Tensor exponentials, long firstToken)
    {
        using var scope = NewDisposeScope();
        long tokens = exponentials.shape[0];
        var scale = (_shift.narrow(0, firstToken, tokens) - _logSum.narrow(0, firstToken, tokens)).exp_().to(float32);
        return exponentials.t().mv(scale).MoveToOuterDisposeScope();
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
        _shift.Dispose();
    }

    /// <summary>Each row's exp(logit - shift): where no exponential can leave float32, subtracting the largest first only costs passes over the logits.</summary>
    private static Tensor ExponentialsInPlace(Tensor logits, Tensor shift)
    {
        const float Safe = 80; // e^80 times a vocabulary of millions is below float32's 3e38, e^-80 above its 1e-38
        var most = logits.amax([-1]);
        if (most.abs().amax([0]).item<float>() < Safe) shift.zero_();
        else
        {
            shift.copy_(most);
            logits.sub_(most.unsqueeze(1));
        }
        return logits.exp_();
    }
}
