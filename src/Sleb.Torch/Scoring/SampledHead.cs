using Sleb.Core.Search;
using Sleb.Torch.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>The cross entropy of one sequence's next tokens from a sample of the vocabulary: for screening.</summary>
/// <remarks>
/// An entry is drawn with a probability that grows with what the dense model gives it on this text, and its exponential counts by the
/// inverse, so that sums over the sample are right on average (Horvitz and Thompson 1952; as sampled softmax in Bengio and Senécal 2008).
/// Entries that matter and all targets are drawn for certain. The same sample serves all candidates, and each token's error under a model
/// that they differ little from, whose losses are known, is taken off.
/// </remarks>
internal sealed class SampledHead
{
    /// <summary>Entries drawn. A vocabulary that is not much larger is taken whole.</summary>
    public const int Size = 4096;

    /// <summary>Of the power of an entry's mean probability that its chance to be drawn goes with: of 0.5, 0.75 and 1 it gave the smallest errors.</summary>
    private const double Power = 0.75;

    private readonly TorchModel _model;
    private readonly VocabularySlice _slice;
    private readonly float[] _weights; // the inverse of each drawn entry's chance
    private readonly long[] _targets; // where each token's successor is among the drawn; the last token has none

    private SampledHead(TorchModel model, int[] ids, double[] chances)
    {
        _model = model;
        var (entries, weights) = Draw(chances);
        (_slice, _weights) = (new VocabularySlice(entries), weights);
        _targets = [.. ids[1..].Append(ids[^1]).Select(id => (long)Math.Max(0, Array.BinarySearch(entries, id)))];
    }

    /// <summary>In one pass of the whole head, whose losses come out of it.</summary>
    /// <param name="hidden">The dense model's last state: (1, T, H).</param>
    public static (SampledHead Head, double[] TokenNll) Draw(TorchModel model, Tensor hidden, int[] ids, CancellationToken cancellationToken)
    {
        using var none = no_grad();
        using var loss = new RunningLoss(ids, model.Device);
        double[] mass = new double[model.VocabularySize];
        model.ForEachSlice(hidden, Arithmetic.Fp32, (logits, row, token) =>
        {
            loss.Add(logits, row, token);
            // By what was seen of the vocabulary so far: the sums are right for any chances, and these are near enough to be good ones.
            float[] sums = loss.Mass(logits, token).cpu().data<float>().ToArray();
            for (int i = 0; i < sums.Length; i++) mass[row + i] += sums[i];
        }, cancellationToken);
        return (new SampledHead(model, ids, Chances(mass, ids[1..])), loss.Tokens());
    }

    /// <summary>For candidates that differ little from a model whose losses are known.</summary>
    /// <param name="hidden">That model's last state: (1, T, H).</param>
    /// <param name="tokenNll">Its losses: (T - 1).</param>
    public Neighbourhood Around(Tensor hidden, double[] tokenNll, KeptMemory memory) => new(this, hidden, tokenNll, memory);

    /// <summary>The loss of each of the T-1 next tokens in nats, as far as the sample tells.</summary>
    /// <param name="hidden">The last state: (1, T, H).</param>
    public double[] TokenNll(Tensor hidden, ReferencePass? write = null, ReferencePass? read = null)
    {
        using var none = no_grad();
        using var scope = NewDisposeScope();
        var logits = _model.Logits(hidden, _slice, write, read);
        double[] own = logits.gather(1, tensor(_targets, device: logits.device).unsqueeze(1)).squeeze(1).to(float64).cpu().data<double>().ToArray();
        double[] sums = LogSums(logits).data<double>().ToArray();
        return [.. sums[..^1].Zip(own, (sum, target) => sum - target)];
    }

    /// <summary>The logarithm of each row's weighted sum of exponentials, in double on the CPU. The logits may be used up.</summary>
    private Tensor LogSums(Tensor logits)
    {
        var weights = tensor(_weights, device: logits.device);
        if (LogSumExp.OfRows(logits, weights) is { } sums) return sums;
        var most = logits.amax([-1], keepdim: true);
        return logits.sub_(most).exp_().mv(weights).to(float64).log_().PlusInPlace(most.squeeze(1).to(float64)).cpu();
    }

    /// <summary>Each entry's chance, which add up to <see cref="Size"/>, or the whole vocabulary's where it is not twice as large.</summary>
    private static double[] Chances(double[] mass, int[] targets)
    {
        var chances = new double[mass.Length];
        if (mass.Length < 2 * Size)
        {
            Array.Fill(chances, 1);
            return chances;
        }
        var certain = new bool[mass.Length];
        foreach (int target in targets) certain[target] = true;
        double[] share = Array.ConvertAll(mass, m => Math.Pow(m, Power));
        var (low, high) = (0.0, 1.0);
        while (Expected(high) < Size && double.IsFinite(high)) high *= 2;
        for (int i = 0; i < 60; i++)
        {
            double middle = (low + high) / 2;
            if (Expected(middle) < Size) low = middle;
            else high = middle;
        }
        for (int i = 0; i < chances.Length; i++) chances[i] = Chance(i, high);
        return chances;

        double Chance(int i, double factor) => certain[i] ? 1 : Math.Min(1, factor * share[i]);

        double Expected(double factor) => Enumerable.Range(0, share.Length).Sum(i => Chance(i, factor));
    }

    /// <summary>Systematic sampling: an entry is drawn wherever the chances so far pass a half, so the same chances draw the same entries.</summary>
    private static (long[] Entries, float[] Weights) Draw(double[] chances)
    {
        var (entries, weights) = (new List<long>(), new List<float>());
        double sum = 0.5;
        for (int i = 0; i < chances.Length; i++)
        {
            if (chances[i] == 1 || (sum += chances[i]) >= 1)
            {
                if (chances[i] < 1) sum -= 1;
                entries.Add(i);
                weights.Add((float)(1 / chances[i]));
            }
        }
        return ([.. entries], [.. weights]);
    }

    /// <summary>The sample's logits for one state, and what its losses lack there.</summary>
    internal sealed class Neighbourhood : IDisposable
    {
        private readonly SampledHead _head;
        private readonly ReferencePass _logits;
        private readonly double[] _lack;

        internal Neighbourhood(SampledHead head, Tensor hidden, double[] tokenNll, KeptMemory memory)
        {
            (_head, _logits) = (head, new ReferencePass(memory));
            _lack = [.. tokenNll.Zip(head.TokenNll(hidden, write: _logits), (all, some) => all - some)];
        }

        /// <summary>The loss of each of the T-1 next tokens, in nats.</summary>
        /// <param name="hidden">The last state: (1, T, H).</param>
        public double[] TokenNll(Tensor hidden) => [.. _head.TokenNll(hidden, read: _logits).Zip(_lack, (some, lack) => some + lack)];

        public void Dispose() => _logits.Dispose();
    }
}
