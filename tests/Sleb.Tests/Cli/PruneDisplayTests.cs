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
    public void Time_left_is_told_only_after_a_few_losses_and_from_what_was_done_in_this_process()
    {
        var time = new ManualTime();
        var left = new TimeLeft(time);
        for (int scored = 1; scored <= 20; scored++)
        {
            Assert.Equal(scored <= 8, left.Left is null);
            time.Pass(seconds: 3);
            left.Scored(0.6 + 0.02 * scored); // 60 % were resumed; 50 losses a search, three seconds each
            if (scored > 8) Assert.Equal((20 - scored) * 3, left.Left!.Value.TotalSeconds, 1e-6);
        }
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
            for (int scored = 1; scored <= 12; scored++)
            {
                time.Pass(seconds: 13);
                tell(new PruneEvent.Scored(new(1, 1, scored, 12, new(scored, [new(scored, 0, 1.0, [1.0])]), scored / 12.0)));
            }
            tell(new PruneEvent.Warning("A warning."));
            return Result;
        });
        string[] progress = [.. CliResult.Lines(output.ToString()).Where(line => line.Contains("losses")).Select(line => line.Trim())];
        Assert.Equal(4, progress.Length);
        Assert.Equal("round 1/1, 3 of 12 losses", progress[0]);
        Assert.Equal("round 1/1, 6 of 12 losses", progress[1]);
        Assert.Matches(@"^round 1/1, 9 of 12 losses, about \d+ s of the search left$", progress[2]);
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
