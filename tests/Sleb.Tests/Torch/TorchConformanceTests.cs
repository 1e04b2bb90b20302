using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Torch.Scoring;

namespace Sleb.Tests.Torch;

/// <summary>Is the family right? Every conformance folder against the reference implementation.</summary>
public class TorchConformanceTests
{
    public static TheoryData<string> Names => ConformanceFolder.Names;

    public static MatrixTheoryData<string, Arithmetic> Screened => new(Names.Select(name => name.Data), [Arithmetic.Bf16, Arithmetic.Int8, Arithmetic.Int8Bf16]);

    [Theory]
    [MemberData(nameof(Names))]
    public void Logits_equal_the_reference_dense_and_with_blocks_removed(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        Assert.NotEmpty(reference.RemovedSets);
        double worst = 0;
        foreach (int[] removed in reference.RemovedSets)
            for (int row = 0; row < reference.Rows.Length; row++)
                worst = Math.Max(worst, Onnx.EmitConformanceTests.MaxDifference(reference.Logits(removed, row), model.Logits(reference.Rows[row], reference.Survivors(removed))));
        TestContext.Current.TestOutputHelper!.WriteLine($"{name}: Torch {worst:g3}");
        Assert.InRange(worst, 0, 2e-4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_pruned_checkpoint_read_back_gives_the_reference_logits(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        foreach (int[] removed in reference.RemovedSets.Where(removed => removed.Length > 0))
        {
            using var temporary = new TemporaryFolder();
            PrunedCheckpoint.Write(checkpoint, removed, temporary["out"], overwrite: false, cancellationToken: TestContext.Current.CancellationToken);
            using var written = Checkpoint.Open(temporary["out"]);
            using var model = TorchModel.Load(written);
            for (int row = 0; row < reference.Rows.Length; row++)
                Assert.InRange(Onnx.EmitConformanceTests.MaxDifference(reference.Logits(removed, row), model.Logits(reference.Rows[row])), 0, 2e-4);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Losses_equal_the_reference_for_every_single_block(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        using var scorer = new TorchBlockScorer(model, reference.Rows);
        int[] all = reference.Survivors([]);
        foreach (var losses in scorer.ScoreWithout(all, [IBlockScorer.NoBlock, .. all], 0, reference.Rows.Length, Arithmetic.Fp32, default).GroupBy(loss => loss.Block))
            Assert.Equal(reference.MeanNll(losses.Key == IBlockScorer.NoBlock ? [] : [losses.Key])!.Value, losses.Average(loss => loss.Nll), 5e-5);
    }

    [Theory]
    [MemberData(nameof(Screened))]
    public void Whatever_it_is_screened_in_the_search_decides_as_in_float32(string name, Arithmetic arithmetic)
    {
        var reference = ConformanceFolder.Open(name);
        using var model = Load(reference, arithmetic);
        using var scorer = new TorchBlockScorer(model, reference.Rows);
        int[] all = reference.Survivors([]);
        double worst = scorer.ScoreWithout(all, all, 0, reference.Rows.Length, Arithmetic.Fp32, default)
            .Zip(scorer.ScoreWithout(all, all, 0, reference.Rows.Length, arithmetic, default), (exact, rough) => Math.Abs(exact.Nll - rough.Nll)).Max();
        TestContext.Current.TestOutputHelper!.WriteLine($"{name}: {arithmetic} {worst:g3} nats");
        // Another arithmetic of the same model. What goes to other experts makes the most, and in eight bits that a block changes everything in models as small as these.
        Assert.InRange(worst, 1e-7, arithmetic == Arithmetic.Bf16 ? 0.1 : 0.3);

        var barriers = new SearchSettings { EarlyBarrier = 0, LateBarrier = 0 };
        var exact = new SlebSearch(scorer, barriers).Run(2).ToList();
        foreach (var effort in Enum.GetValues<SearchEffort>())
        {
            var screened = new SlebSearch(scorer, barriers with { Effort = effort, Arithmetic = arithmetic }).Run(2);
            Assert.Equal(exact.Select(removal => (removal.Block, removal.MeanNll)), screened.Select(removal => (removal.Block, removal.MeanNll)));
        }
    }

    /// <summary>A search that was stopped goes on with the candidates that are left: their losses must not know the others.</summary>
    [Theory]
    [MemberData(nameof(Screened))]
    public void A_candidate_s_loss_is_the_same_alone_and_among_others(string name, Arithmetic arithmetic)
    {
        var reference = ConformanceFolder.Open(name);
        using var model = Load(reference, arithmetic);
        using var scorer = new TorchBlockScorer(model, reference.Rows);
        int[] all = reference.Survivors([]);
        var together = scorer.ScoreWithout(all, all, 0, 1, arithmetic, default).ToList();
        Assert.Equal(all.Length, together.Count);
        Assert.Equal(all.SelectMany(block => scorer.ScoreWithout(all, [block], 0, 1, arithmetic, default)).Select(loss => loss.Nll), together.Select(loss => loss.Nll));
    }

    private static TorchModel Load(ConformanceFolder reference, Arithmetic arithmetic)
    {
        using var checkpoint = reference.Checkpoint();
        var model = TorchModel.Load(checkpoint);
        if (arithmetic == Arithmetic.Bf16) model.Lower(checkpoint);
        return model;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Greedy_ids_equal_the_reference(string name)
    {
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = TorchModel.Load(checkpoint);
        foreach (var (removed, ids) in reference.GreedyRuns)
            Assert.Equal(ids, model.Greedy(reference.GreedyPrompt, ids.Length, [], reference.Survivors(removed), default));
    }
}
