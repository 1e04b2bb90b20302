using Sleb.Core.Plan;

namespace Sleb.Core.Search;

/// <summary>
/// SLEB, algorithm 1 (Song et al., ICML 2024, arXiv 2402.09025): switch each alive block off in turn, measure the next-token loss on
/// calibration text, remove the block whose absence hurts least, look again, until enough are gone.
/// </summary>
/// <param name="scorer">Measures the model without a block.</param>
/// <param name="settings">How to decide; null means the paper's way: every candidate on all windows, by the loss of what is left.</param>
/// <param name="trace">Remembers every loss, so that a search resumes where it was stopped; null keeps nothing.</param>
public sealed class SlebSearch(IBlockScorer scorer, SearchSettings? settings = null, ISearchTrace? trace = null)
{
    private readonly SearchSettings _settings = settings ?? new();
    private readonly ISearchTrace _trace = trace ?? new SearchMemory();

    /// <summary>The blocks to remove, one by one: each is yielded as it is decided.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The barriers leave fewer blocks than are to be removed.</exception>
    /// <exception cref="InvalidOperationException">The dense model or every candidate of a round has a non-finite loss.</exception>
    public IEnumerable<Removal> Run(int removeBlocks, Action<SearchProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        CheckBarriers(scorer.BlockCount, removeBlocks, _settings.EarlyBarrier, _settings.LateBarrier);
        DenseLoss(cancellationToken);
        var blocks = MeasureBlocks(cancellationToken);
        var alive = Dense();
        var screening = new Screening(_settings.Arithmetic);
        for (int round = 1; round <= removeBlocks; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var candidates = alive[_settings.EarlyBarrier..^_settings.LateBarrier];
            var removal = _settings.Metric switch
            {
                SearchMetric.BlockInfluence => Decision.ByInfluence(candidates, blocks.Influence),
                SearchMetric.OneShot => Look(round, measuredIn: 1, Dense(), candidates),
                _ => Look(round, measuredIn: round, alive, candidates),
            };
            alive.Remove(removal.Block);
            yield return removal;
        }

        Removal Look(int round, int measuredIn, IReadOnlyList<int> from, IReadOnlyList<int> candidates)
        {
            var report = progress is null ? null : new RoundProgress(progress, round, removeBlocks, candidates, scorer, _settings);
            var look = new SearchRound(measuredIn, from, scorer, _trace, loss => report?.Scored(loss), cancellationToken);
            report?.Start(look);
            IReadOnlyList<CandidateLosses> ruledOut = [];
            var finalists = candidates;
            if (_settings.Effort == SearchEffort.Racing) (finalists, ruledOut) = Race.Run(look, candidates, _settings.Arithmetic, live => report?.Narrowed(live));
            else look.Measure(candidates, 0, look.Windows, _settings.Arithmetic);
            var confirmed = screening.Confirm(look, finalists);
            var screened = finalists.Except(confirmed.Select(loss => loss.Block)).Select(Screened);
            return Decision.ByLoss(round, confirmed, [.. screened], ruledOut, Screened, lossIsOfTheResult: round == measuredIn);

            CandidateLosses Screened(int block) => look.Losses(block, _settings.Arithmetic);
        }
    }

    /// <summary>The loss of the dense model on the calibration windows.</summary>
    public CandidateLosses DenseLoss(CancellationToken cancellationToken = default)
    {
        var round = new SearchRound(0, Dense(), scorer, _trace, null, cancellationToken);
        round.Measure([IBlockScorer.NoBlock], 0, round.Windows, Arithmetic.Fp32);
        var dense = round.Losses(IBlockScorer.NoBlock, Arithmetic.Fp32);
        return double.IsFinite(dense.MeanNll) ? dense
            : throw new InvalidOperationException("The dense model has a non-finite loss on the calibration text, so nothing can be compared to it; check the weights and the text.");
    }

    /// <summary>Influence and time of every block of the dense model: they come out of one walk through it.</summary>
    public BlockMeasurement MeasureBlocks(CancellationToken cancellationToken = default)
    {
        if (_trace.Blocks is { } known) return known;
        var blocks = scorer.MeasureBlocks(cancellationToken);
        _trace.Append(blocks);
        return blocks;
    }

    internal static void CheckBarriers(int blocks, int removeBlocks, int earlyBarrier, int lateBarrier)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(earlyBarrier);
        ArgumentOutOfRangeException.ThrowIfNegative(lateBarrier);
        int most = Math.Max(0, Math.Min(blocks - earlyBarrier - lateBarrier, blocks - 1));
        if (removeBlocks < 1 || removeBlocks > most)
            throw new ArgumentOutOfRangeException(nameof(removeBlocks), removeBlocks,
                $"The model has {blocks} blocks, of which the first {earlyBarrier} and the last {lateBarrier} stay: 1 to {most} can be removed.");
    }

    private List<int> Dense() => [.. Enumerable.Range(0, scorer.BlockCount)];
}
