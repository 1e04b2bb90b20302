using System.Text;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;
using Sleb.Core.Search;

namespace Sleb.Tests.Search;

/// <summary>Is nothing lost? A search stopped anywhere goes on from its trace.</summary>
public class RunTraceTests
{
    private static readonly SearchIdentity Identity = new()
    {
        ModelFingerprint = "aa",
        Family = "llama",
        Blocks = 7,
        CalibrationFingerprint = "bb",
        Windows = 3,
        SequenceLength = 64,
        EarlyBarrier = 1,
        LateBarrier = 1,
    };

    private static TableScorer Scorer() => new(7, 3, (alive, window) =>
        alive.Contains(3) && alive.Contains(5) ? Math.Sqrt(2 + window) + Enumerable.Range(0, 7).Except(alive).Sum(block => Math.Sin(block) + 1) / 3 : double.NaN);

    [Fact]
    public void Stopped_after_any_candidate_it_resumes_to_the_same_bytes_and_scores_nothing_twice()
    {
        using var whole = new TemporaryFolder();
        var (expectedPlan, expectedScored) = Search(whole.Path, stopAfter: int.MaxValue);
        byte[] expectedTrace = File.ReadAllBytes(whole[RunTrace.FileName]);
        for (int stop = 4; stop < expectedScored.Count; stop++) // the first three are the dense model's, which nobody hears of
        {
            using var folder = new TemporaryFolder();
            var (none, before) = Search(folder.Path, stop);
            Assert.Null(none);
            var (plan, after) = Search(folder.Path, stopAfter: int.MaxValue);
            Assert.Equal(expectedPlan, plan);
            Assert.Equal(expectedScored, before.Concat(after));
            Assert.Equal(expectedTrace, File.ReadAllBytes(folder[RunTrace.FileName]));
        }
    }

    [Fact]
    public void Cut_at_any_byte_it_resumes_to_the_same_bytes()
    {
        using var whole = new TemporaryFolder();
        var (expectedPlan, expectedScored) = Search(whole.Path, stopAfter: int.MaxValue);
        byte[] trace = File.ReadAllBytes(whole[RunTrace.FileName]);
        for (int length = 0; length < trace.Length; length += 7)
        {
            using var folder = new TemporaryFolder();
            File.WriteAllBytes(folder[RunTrace.FileName], trace[..length]);
            var (plan, scored) = Search(folder.Path, stopAfter: int.MaxValue);
            Assert.Equal(expectedPlan, plan);
            int kept = Encoding.UTF8.GetString(trace[..length]).Split('\n')[..^1].Count(line => line.Contains("\"loss\"", StringComparison.Ordinal));
            Assert.Equal(expectedScored.Skip(kept), scored);
            Assert.Equal(trace, File.ReadAllBytes(folder[RunTrace.FileName]));
        }
    }

    [Fact]
    public void More_blocks_continue_the_run_and_fewer_read_it()
    {
        using var folder = new TemporaryFolder();
        Search(folder.Path, stopAfter: int.MaxValue, remove: 2);
        var (three, scored) = Search(folder.Path, stopAfter: int.MaxValue, remove: 3);
        Assert.Equal(3 * 3, scored.Count);
        var (one, none) = Search(folder.Path, stopAfter: int.MaxValue, remove: 1);
        Assert.Empty(none);
        Assert.Single(one!.Split(';'));
        Assert.StartsWith(one, three, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_model_text_or_setting_is_refused_with_the_difference()
    {
        using var folder = new TemporaryFolder();
        RunTrace.Open(folder.Path, Identity).Dispose();
        Assert.Contains("calibrationFingerprint bb there, cc here", Refusal(Identity with { CalibrationFingerprint = "cc" }), StringComparison.Ordinal);
        Assert.Contains("modelFingerprint aa there, cc here", Refusal(Identity with { ModelFingerprint = "cc" }), StringComparison.Ordinal);
        Assert.Contains("sequenceLength 64 there, 128 here", Refusal(Identity with { SequenceLength = 128 }), StringComparison.Ordinal);
        RunTrace.Open(folder.Path, Identity).Dispose();

        string Refusal(SearchIdentity other) => Assert.Throws<CheckpointException>(() => RunTrace.Open(folder.Path, other)).Message;
    }

    [Theory]
    [InlineData("not json\n")]
    [InlineData("{\"round\":1,\"block\":2}\n")]
    [InlineData("{\"round\":1,\"arithmetic\":\"fp32\",\"loss\":{\"block\":2,\"window\":3,\"nll\":1.5,\"segments\":[1.5]}}\n")]
    public void A_damaged_line_is_named(string line)
    {
        using var folder = new TemporaryFolder();
        RunTrace.Open(folder.Path, Identity).Dispose();
        File.AppendAllText(folder[RunTrace.FileName], line);
        Assert.Contains("damaged in line 2", Assert.Throws<CheckpointException>(() => RunTrace.Open(folder.Path, Identity)).Message, StringComparison.Ordinal);
    }

    private static (string? Plan, List<string> Scored) Search(string folder, int stopAfter, int remove = 3)
    {
        using var cancel = new CancellationTokenSource();
        var scorer = Scorer();
        using var trace = RunTrace.Open(folder, Identity);
        try
        {
            var removals = new SlebSearch(scorer, trace: trace).Run(remove, _ => { if (scorer.Scored.Count == stopAfter) cancel.Cancel(); }, cancel.Token);
            return (string.Join(';', removals.Select(removal => $"{removal.Block} {removal.MeanNll:R} {removal.RunnerUp} {removal.Margin:R}")), scorer.Scored);
        }
        catch (OperationCanceledException)
        {
        }
        return (null, scorer.Scored);
    }
}
