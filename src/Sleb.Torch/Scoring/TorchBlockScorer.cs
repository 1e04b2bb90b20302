using Sleb.Core.Search;

namespace Sleb.Torch.Scoring;

/// <summary>Scores candidates on a model in memory, window by window.</summary>
/// <remarks>
/// Prefix sharing: a window's hidden state walks through the alive blocks once, and at each candidate the walk branches into "without
/// this block", so a candidate costs only the blocks behind it. The walk itself is float32 in any arithmetic, and is kept for the next
/// round where memory allows.
/// </remarks>
internal sealed class TorchBlockScorer : IBlockScorer, IDisposable
{
    /// <summary>With as few candidates as this, one of them is likely to win: its states are the next round's walk.</summary>
    private const int Contenders = 4;

    /// <summary>
    /// Tokens of candidates that go through a block together in eight bits: with fewer, a fifth of the time is between the products, where
    /// one core waits for the other; with more, nothing is gained.
    /// </summary>
    private const int RowsTogether = 3072;

    private readonly TorchModel _model;
    private readonly IReadOnlyList<int[]> _windows;
    private readonly WindowStates[] _states;
    private readonly SampledHead?[] _heads;
    private readonly List<(int[] Blocks, double[] TokenNll)>[] _known; // float32 losses that may be the next round's walk's
    private readonly ProductRoom _products;
    private readonly bool _inEightBits;
    private readonly (TimeSpan Time, int Passes)[] _times;

    /// <param name="screening">What candidates will be screened in: products that this needs are kept from the first walk on.</param>
    /// <param name="stateBytes">What kept hidden states may take; null is an eighth of the machine's memory.</param>
    public TorchBlockScorer(TorchModel model, IReadOnlyList<int[]> windows, Arithmetic screening = Arithmetic.Fp32, long? stateBytes = null)
    {
        (_model, _windows) = (model, windows);
        _inEightBits = screening is Arithmetic.Int8 or Arithmetic.Int8Bf16;
        if (!_inEightBits) model.Pack(windows[0].Length); // others are as long as a rule; some passes in float32 do not make up for the memory
        _times = new (TimeSpan, int)[model.BlockCount];
        long walk = windows.Sum(ids => (long)ids.Length) * model.HiddenSize * sizeof(float) * (model.BlockCount + 1);
        long room = stateBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8;
        bool keep = walk * (1 + Contenders) <= room;
        _products = new ProductRoom(_inEightBits ? room : 0);
        if (_inEightBits) model.RoundWeights(_products.Memory);
        _heads = new SampledHead?[windows.Count];
        _known = [.. windows.Select(_ => new List<(int[], double[])>())];
        _states = [.. windows.Select(ids => new WindowStates(model, ids, keep, _products, Time))];
        Array.ForEach(_states, states => states.Reserve(model.BlockCount));
    }

    public int BlockCount => _model.BlockCount;

    public int WindowCount => _windows.Count;

    /// <summary>Larger products are no faster: a window's own fill the cores, and its tensors stay in the cache.</summary>
    public int WindowsPerPass => 1;

    public IEnumerable<WindowLoss> ScoreWithout(
        IReadOnlyList<int> alive, IReadOnlyList<int> candidates, int firstWindow, int windows, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        for (int window = firstWindow; window < firstWindow + windows; window++)
            if (arithmetic is Arithmetic.Int8 or Arithmetic.Int8Bf16)
                foreach (var loss in Differences(alive, candidates, window, arithmetic, cancellationToken)) yield return loss;
            else foreach (int block in candidates)
                yield return WindowLoss.Of(block, window, TokenNll(alive, block, candidates.Count, window, arithmetic, cancellationToken));
    }

    public BlockMeasurement MeasureBlocks(CancellationToken cancellationToken)
    {
        int[] all = [.. Enumerable.Range(0, BlockCount)];
        var cosines = new double[BlockCount];
        foreach (var states in _states)
            for (int block = 0; block < BlockCount; block++)
            {
                using var scope = NewDisposeScope();
                var input = states.Before(all, block, cancellationToken).alias();
                cosines[block] += nn.functional.cosine_similarity(input, states.Before(all, block + 1, cancellationToken), dim: -1).sum(ScalarType.Float64).item<double>();
            }
        long tokens = _windows.Sum(ids => (long)ids.Length);
        return new([.. cosines.Select(sum => 1 - sum / tokens)], [.. _times.Select(time => Math.Round(time.Time.TotalMilliseconds / time.Passes, 3))]);
    }

    public void Dispose()
    {
        Array.ForEach(_states, states => states.Dispose());
        _products.Dispose();
    }

    private double[] TokenNll(IReadOnlyList<int> alive, int block, int candidates, int window, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var states = _states[window];
        int position = block == IBlockScorer.NoBlock ? alive.Count : IndexOf(alive, block);
        Tensor hidden;
        if (position == alive.Count) hidden = states.Before(alive, position, cancellationToken);
        else if (arithmetic == Arithmetic.Fp32 && states.Keeps && candidates <= Contenders) hidden = states.Without(alive, position, cancellationToken);
        else hidden = _model.Run(states.Before(alive, position, cancellationToken), alive.Skip(position + 1), arithmetic, cancellationToken);
        double[] losses = _inEightBits && position == BlockCount ? DrawHead(hidden, window, cancellationToken)
            : _model.TokenNll(hidden, _windows[window], arithmetic, cancellationToken);
        if (_inEightBits) _known[window].Add(([.. alive.Where(other => other != block)], losses));
        return losses;
    }

    /// <summary>
    /// All candidates of a window at once: behind each block that they have in common with the walk, they go through it as what they
    /// differ by, some of them together. No number depends on which: a row of a product in eight bits is computed for itself.
    /// </summary>
    private List<WindowLoss> Differences(IReadOnlyList<int> alive, IReadOnlyList<int> candidates, int window, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        var (states, ids) = (_states[window], _windows[window]);
        ScalarType? attention = arithmetic == Arithmetic.Int8Bf16 ? bfloat16 : null;
        int most = Math.Max(1, RowsTogether / ids.Length), count = candidates.Count(alive.Contains);
        int together = (int)Math.Ceiling(count / Math.Ceiling((double)count / most)); // 5 and 5 rather than 8 and 2
        var groups = new List<(List<int> Blocks, Tensor States)>(); // the states are (candidates, T, H)
        try
        {
            for (int position = 0; position < alive.Count; position++)
            {
                int block = alive[position];
                using var input = states.Before(alive, position, cancellationToken).alias(); // where states are not kept, products take it away
                var pass = groups.Count > 0 ? states.Products(alive, position, cancellationToken) : null;
                for (int i = 0; i < groups.Count; i++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Replace(i, _model.Run(groups[i].States, block, read: pass, attentionIn: attention));
                }
                if (!candidates.Contains(block)) continue;
                if (groups.Count == 0 || groups[^1].Blocks.Count == together) groups.Add(([block], input.alias().DetachFromDisposeScope())); // (1, T, H)
                else
                {
                    groups[^1].Blocks.Add(block);
                    Replace(groups.Count - 1, cat([groups[^1].States, input], 0));
                }
            }
            if (_heads[window] is null) DrawHead(window, cancellationToken);
            double[] known = Known(alive, window, cancellationToken);
            using var head = _heads[window]!.Around(states.Before(alive, alive.Count, cancellationToken), known, _products.Memory);
            return [.. groups.SelectMany(group => group.Blocks.Select((block, i) => Loss(block, group.States, i)))];

            WindowLoss Loss(int block, Tensor all, int at)
            {
                using var state = all.narrow(0, at, 1);
                return WindowLoss.Of(block, window, head.TokenNll(state));
            }
        }
        finally
        {
            groups.ForEach(group => group.States.Dispose());
        }

        void Replace(int group, Tensor states)
        {
            using var before = groups[group].States;
            groups[group] = (groups[group].Blocks, states.DetachFromDisposeScope());
        }
    }

    /// <summary>After a search was resumed: the dense model goes through once more.</summary>
    private void DrawHead(int window, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        DrawHead(_model.Run(_model.Embed(_windows[window]), Enumerable.Range(0, BlockCount), Arithmetic.Fp32, cancellationToken), window, cancellationToken);
    }

    /// <summary>By the dense model's last state, whose losses come out of it.</summary>
    private double[] DrawHead(Tensor hidden, int window, CancellationToken cancellationToken)
    {
        (_heads[window], double[] losses) = SampledHead.Draw(_model, hidden, _windows[window], cancellationToken);
        return losses;
    }

    /// <summary>The walk's losses in float32: it was a candidate of the round before.</summary>
    private double[] Known(IReadOnlyList<int> alive, int window, CancellationToken cancellationToken)
    {
        double[] losses = _known[window].Find(known => known.Blocks.SequenceEqual(alive)).TokenNll
            ?? _model.TokenNll(_states[window].Before(alive, alive.Count, cancellationToken), _windows[window], Arithmetic.Fp32, cancellationToken);
        _known[window].Clear();
        _known[window].Add(([.. alive], losses));
        return losses;
    }

    private void Time(int block, TimeSpan time) => _times[block] = (_times[block].Time + time, _times[block].Passes + 1);

    private static int IndexOf(IReadOnlyList<int> alive, int block)
    {
        for (int position = 0; position < alive.Count; position++)
            if (alive[position] == block) return position;
        throw new ArgumentException($"Block {block} is not among the alive ones.");
    }
}
