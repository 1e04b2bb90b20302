using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.MLNet.Pruning;

namespace Sleb.Tests.Reporting;

/// <summary>The run folder of a search over six blocks that never was: two removals, the second a near-tie.</summary>
internal sealed class InventedRun : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public InventedRun(string name = "six", bool withLosses = true, SearchMetric metric = SearchMetric.Perplexity, bool evaluated = false)
    {
        Folder = _temporary[name];
        Directory.CreateDirectory(Folder);
        var identity = new SearchIdentity
        {
            ModelFingerprint = new('a', 64),
            Family = "llama",
            Blocks = 6,
            CalibrationFingerprint = new('b', 64),
            Windows = 2,
            SequenceLength = 512,
            EarlyBarrier = 1,
            LateBarrier = 1,
            Metric = metric,
        };
        bool measured = metric == SearchMetric.Perplexity;
        Plan = new()
        {
            Search = identity,
            DenseMeanNll = 3,
            Removals =
            [
                Removal(3, 3.1, 2, 0.2, 0.05, [new(1, 4.5, 4.5), new(2, 3.3, 3.3), new(3, 3.1, 3.1), new(4, null, null)], measured),
                Removal(2, 3.4, 4, 0.01, 0.05, [new(1, 4.6, 4.6), new(2, 3.4, 3.4), new(4, 3.41, 3.41)], measured),
            ],
            Survivors = [0, 1, 4, 5],
        };
        Plan.Save(Path.Combine(Folder, BlockPlan.FileName));
        if (evaluated)
            new RunEvaluation
            {
                Model = "org/six",
                Calibration = "books.txt",
                Text = "a letter.txt",
                ModelFingerprint = identity.ModelFingerprint,
                TextFingerprint = new('c', 64),
                RemovedBlocks = Plan.RemovedBlocks,
                Measured = [new([3, 3.2], 1024), new([3.1, 3.4], 1024), new([3.4, 3.6], 1024)],
            }.Save(Folder);
        if (!withLosses) return;
        using var trace = RunTrace.Open(Folder, identity);
        Append(0, IBlockScorer.NoBlock, 2.9, 3.1);
        Append(1, 3, 2.95, 3.25);
        Append(2, 2, 3.3, 3.5);

        void Append(int round, int block, params double[] losses)
        {
            for (int window = 0; window < losses.Length; window++) trace.Append(round, new(block, window, losses[window], [losses[window]]), Arithmetic.Fp32);
        }
    }

    public string Folder { get; }

    public BlockPlan Plan { get; }

    public void Dispose() => _temporary.Dispose();

    private static Removal Removal(int block, double loss, int runnerUp, double margin, double error, CandidateScore[] candidates, bool measured) =>
        new() { Block = block, MeanNll = measured ? loss : null, RunnerUp = runnerUp, Margin = margin, MarginStandardError = measured ? error : null, Candidates = candidates };
}
