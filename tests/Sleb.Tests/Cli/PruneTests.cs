using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>Does the main job decide as the reference does, say so to a person and to a script, and refuse bad input in one sentence?</summary>
public class PruneTests
{
    [Fact]
    public void Json_holds_the_reference_search_and_nothing_else_stands_on_standard_output()
    {
        using var run = new PruneRun();
        var reference = JsonDocument.Parse(File.ReadAllText(TestFiles.Data("tiny-novels.json"))).RootElement;
        var call = SlebCli.Run("prune", TestFiles.TinyNovels, "--remove", "2", "--sequence-length", "256", "--evaluation-windows", "0",
            "--run", run.RunFolder, "--out", run.Out, "--json");
        Assert.Equal("blocks removedBlocks survivors rounds blockInfluence evaluationText dense pruned shipped plan folder", string.Join(' ', call.Keys));
        Assert.Equal([5, 3], ConformanceTests.Ints(call.Json.GetProperty("removedBlocks")));
        Assert.Equal([0, 1, 2, 4, 6, 7, 8, 9, 10, 11], ConformanceTests.Ints(call.Json.GetProperty("survivors")));
        Assert.Equal((run.Plan, run.Out), (call.Json.GetProperty("plan").GetString(), call.Json.GetProperty("folder").GetString()));
        foreach (var (round, expected) in call.Json.GetProperty("rounds").EnumerateArray().Zip(reference.GetProperty("rounds").EnumerateArray()))
        {
            Assert.Equal("round removed meanNll runnerUp margin marginStandardError candidates", string.Join(' ', round.EnumerateObject().Select(p => p.Name)));
            var candidates = round.GetProperty("candidates").EnumerateArray().ToList();
            Assert.Equal("block meanNll score", string.Join(' ', candidates[0].EnumerateObject().Select(p => p.Name)));
            Assert.Equal(candidates.Select(c => c.GetProperty("block").GetInt32()).Order(), candidates.Select(c => c.GetProperty("block").GetInt32()));
            foreach (var candidate in candidates)
                Assert.Equal(expected.GetProperty("mean_nll").GetProperty($"{candidate.GetProperty("block")}").GetDouble(), candidate.GetProperty("meanNll").GetDouble(), 1e-4);
        }
        foreach (string model in (string[])["dense", "pruned", "shipped"])
            Assert.Equal("meanNll perplexity", string.Join(' ', call.Json.GetProperty(model).EnumerateObject().Select(p => p.Name)));
        Assert.Equal(call.Json.GetProperty("pruned").GetProperty("meanNll").GetDouble(), call.Json.GetProperty("shipped").GetProperty("meanNll").GetDouble(), 1e-4);
        Assert.Contains(CliResult.Lines(call.Error), line => line.StartsWith("Round 2/2", StringComparison.Ordinal)); // progress
    }

    [Fact]
    public void A_plan_alone_writes_no_folder_and_the_next_steps_go_on_from_it()
    {
        using var run = new PruneRun();
        var planned = run.Prune(1, "--plan-only", "--json").Json;
        Assert.Equal(JsonValueKind.Null, planned.GetProperty("shipped").ValueKind);
        Assert.Equal(JsonValueKind.Null, planned.GetProperty("folder").ValueKind);
        var exported = SlebCli.Run("export", TestFiles.TinyNovels, "--plan", run.Plan, "--out", run.Out, "--json").Json;
        Assert.Equal(ConformanceTests.Ints(planned.GetProperty("removedBlocks")), ConformanceTests.Ints(exported.GetProperty("removedBlocks")));
        Assert.Contains("already there", SlebCli.Run("export", TestFiles.TinyNovels, "--plan", run.Plan, "--out", run.Out).Out);

        int scored = File.ReadAllLines(Path.Combine(run.RunFolder, "run.jsonl")).Length;
        Assert.Contains($"which holds {scored - 2} losses already", run.Prune(2, "--plan-only").Out); // a larger N continues
        SlebCli.Run("export", TestFiles.TinyNovels, "--plan", run.Plan, "--out", run.Out).AssertFailed(run.Out, "not empty", "--overwrite");
        Assert.Equal(0, SlebCli.Run("export", TestFiles.TinyNovels, "--plan", run.Plan, "--out", run.Out, "--overwrite").ExitCode);
    }

    [Fact]
    public void A_plan_of_another_model_is_refused()
    {
        using var run = new PruneRun();
        Assert.Equal(0, run.Prune(1, "--plan-only").ExitCode);
        SlebCli.Run("export", TestFiles.Data("conformance", "llama"), "--plan", run.Plan, "--out", run.Out).AssertFailed("fingerprint");
        Assert.False(Directory.Exists(run.Out));
    }

    [Fact]
    public void Without_calibration_text_the_call_is_wrong()
    {
        SlebCli.Run("prune", TestFiles.Data("conformance", "llama"), "--remove", "1")
            .AssertWrongCall("The search needs text to decide by, and there is no calibration.txt beside the model; give --calibration FILE.", "sleb prune");
    }

    [Fact]
    public void Numbers_that_do_not_fit_the_model_make_the_call_wrong()
    {
        using var run = new PruneRun();
        run.Prune(11).AssertWrongCall("The model has 12 blocks, of which the first 1 and the last 1 stay: 1 to 10 can be removed.", "sleb prune");
        var call = SlebCli.Run("prune", TestFiles.TinyNovels, "--remove", "1", "--sequence-length", "1025", "--run", run.RunFolder, "--out", run.Out);
        Assert.Equal(2, call.ExitCode);
        Assert.Contains("1024", call.Error);
        Assert.False(Directory.Exists(run.RunFolder) || Directory.Exists(run.Out));
    }

    [Fact]
    public void Text_shorter_than_a_window_and_a_missing_text_fail()
    {
        using var run = new PruneRun();
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["short.txt"], "A few words.");
        run.Prune(1, "--calibration", folder["short.txt"]).AssertFailed("short.txt", "128");
        run.Prune(1, "--calibration", folder["none.txt"]).AssertFailed("none.txt");
        run.Prune(1, "--evaluation", folder["none.txt"]).AssertFailed("none.txt");
        Assert.False(Directory.Exists(run.RunFolder) || Directory.Exists(run.Out));
    }

    [Fact]
    public void A_target_that_holds_something_else_fails_before_the_search()
    {
        using var run = new PruneRun();
        Directory.CreateDirectory(run.Out);
        File.WriteAllText(Path.Combine(run.Out, "precious.txt"), "mine");
        run.Prune(1).AssertFailed(run.Out, "not empty", "--overwrite");
        Assert.False(File.Exists(Path.Combine(run.RunFolder, "run.jsonl")));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(run.Out, "precious.txt")));
        Assert.Equal(0, run.Prune(1, "--overwrite").ExitCode);
        Assert.False(File.Exists(Path.Combine(run.Out, "precious.txt")));
    }
}
