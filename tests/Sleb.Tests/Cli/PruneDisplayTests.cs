using Sleb.Cli;
using Sleb.Cli.Output;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.MLNet.Pruning;

namespace Sleb.Tests.Cli;

/// <summary>Does a long search without a terminal speak up, and is what it says about the time left honest?</summary>
public class PruneDisplayTests
{
    [Fact]
    public void Time_left_is_told_only_after_a_few_candidates_and_counts_the_blocks_behind_each()
    {
        var time = new ManualTime();
        var left = new TimeLeft(blocks: 12, rounds: 1, earlyBarrier: 1, lateBarrier: 1, time);
        for (int position = 1; position <= 10; position++)
        {
            Assert.Equal(position <= 4, left.After(1, position - 1) is null);
            time.Pass(seconds: 12 - position + 1); // exactly what such a candidate costs, in block passes
            left.Scored(1, position);
        }
        Assert.Equal(TimeSpan.Zero, left.After(1, 10));
        double rest = Enumerable.Range(8, 3).Sum(position => 12 - position + 1);
        Assert.Equal(rest, left.After(1, 7)!.Value.TotalSeconds, rest * 0.25); // measured over all rounds so far, told for three candidates
    }

    [Fact]
    public void Without_a_terminal_a_long_round_says_every_half_minute_where_it_is()
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var context = new CommandContext(output, Consoles.Create(output), new Diagnostics(Consoles.Create(error), verbose: false), json: false, default);
        var time = new ManualTime();
        var request = new PruneRequest { ModelFolder = "m", RemoveBlocks = 1, Calibration = new("t", null, null) };
        new PruneDisplay(context, request, time).Run(tell =>
        {
            tell(new PruneEvent.Started(Identity, 1, "runs/x", 0));
            for (int scored = 1; scored <= 10; scored++)
            {
                time.Pass(seconds: 13);
                tell(new PruneEvent.Scored(new(1, 1, scored, 10, new(scored, [1.0]))));
            }
            tell(new PruneEvent.Warning("A warning."));
            return Result;
        });
        string[] progress = [.. CliResult.Lines(output.ToString()).Where(line => line.Contains("candidates")).Select(line => line.Trim())];
        Assert.Equal(3, progress.Length);
        Assert.Equal("round 1/1, 3 of 10 candidates", progress[0]);
        Assert.Matches(@"^round 1/1, 6 of 10 candidates, about \d+ s of the search left$", progress[1]);
        Assert.Matches(@"^round 1/1, 9 of 10 candidates, about \d+ s of the search left$", progress[2]);
        Assert.Equal("warning: A warning.\n", error.ToString());
    }

    private static SearchIdentity Identity => new()
    {
        ModelFingerprint = "",
        Family = "llama",
        Blocks = 12,
        CalibrationFingerprint = "",
        Windows = 1,
        SequenceLength = 8,
        EarlyBarrier = 1,
        LateBarrier = 1,
    };

    private static PruneResult Result => new()
    {
        Plan = new() { Search = Identity, DenseMeanNll = 1, Removals = [], Survivors = [] },
        PlanPath = "plan.json",
        EvaluationText = "t",
        Dense = new NllSummary([1.0], 8),
        Pruned = new NllSummary([1.0], 8),
    };
}
