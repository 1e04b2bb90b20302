using System.Text.Json;
using Sleb.Core.Plan;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Reporting;

namespace Sleb.Tests.Cli;

/// <summary>Is what every removal costs measured on a text that did not choose it, and does the plan not depend on that?</summary>
public class EvaluationCurveTests
{
    private static readonly string CalibrationText = Path.Combine(TestFiles.TinyNovels, "calibration.txt");

    [Fact]
    public void Each_removal_is_measured_and_the_plan_is_the_same_whatever_it_is_measured_on()
    {
        using PruneRun run = new(), one = new(), other = new();
        var call = run.Prune(3, "--plan-only", "--evaluate-each", "--json").Json;
        double[] after = [.. call.GetProperty("rounds").EnumerateArray().Select(round => Loss(round.GetProperty("evaluation")))];
        Assert.Equal(Loss(call.GetProperty("pruned")), after[2]);
        Assert.Equal(Loss(one.Prune(1, "--plan-only", "--json").Json.GetProperty("pruned")), after[0]);
        Assert.NotEqual(after[0], after[1]);

        var plan = BlockPlan.Load(run.Plan);
        var saved = RunEvaluation.Read(run.RunFolder, plan)!;
        Assert.Equal([Loss(call.GetProperty("dense")), .. after], saved.Measured.Select(each => each!.MeanNll));
        Assert.Equal(("tiny-novels", "calibration.txt", "evaluation.txt"), (saved.Model, saved.Calibration, saved.Text));
        string file = File.ReadAllText(Path.Combine(run.RunFolder, RunEvaluation.FileName));
        Assert.DoesNotContain(TestFiles.Root, file);

        Assert.Equal(0, other.Prune(3, "--plan-only", "--evaluate-each", "--evaluation", CalibrationText).ExitCode);
        Assert.Equal(File.ReadAllBytes(run.Plan), File.ReadAllBytes(other.Plan));
        Assert.NotEqual(after, RunEvaluation.Read(other.RunFolder, plan)!.Measured.Skip(1).Select(each => each!.MeanNll));

        Assert.Equal(0, run.Prune(2, "--plan-only", "--evaluate-each").ExitCode); // fewer blocks read the same run
        Assert.Equal(after[..2], ReportRun.Read(run.RunFolder).EvaluationCurve.Skip(1).Select(point => point.MeanNll));
        Assert.Equal(0, run.Prune(3, "--plan-only").ExitCode); // what is not asked for is not measured
        Assert.Equal([0, 3], ReportRun.Read(run.RunFolder).EvaluationCurve.Select(point => point.Removed));
        Assert.Equal(0, run.Prune(3, "--plan-only", "--evaluate-each").ExitCode);
        Assert.Equal(file, File.ReadAllText(Path.Combine(run.RunFolder, RunEvaluation.FileName)));
    }

    [Fact]
    public async Task Under_a_memory_cap_it_is_the_same_curve()
    {
        using PruneRun loaded = new(), streamed = new();
        Assert.Equal(0, loaded.Prune(2, "--plan-only", "--evaluate-each").ExitCode);
        // A process of its own: a cap holds for all that a process does from then on.
        Assert.Equal(0, (await SlebCli.RunProcess(streamed.Folder, streamed.Args(2, "--plan-only", "--evaluate-each", "--memory", "100GB"))).ExitCode);
        var plan = BlockPlan.Load(loaded.Plan);
        var (expected, actual) = (RunEvaluation.Read(loaded.RunFolder, plan)!, RunEvaluation.Read(streamed.RunFolder, plan)!);
        Assert.Equal(3, actual.Measured.Count);
        Assert.Equal(expected.TextFingerprint, actual.TextFingerprint);
        Assert.All(expected.Measured.Zip(actual.Measured), pair => Assert.Equal(pair.First!.MeanNll, pair.Second!.MeanNll, 1e-5));
    }

    [Fact]
    public void A_text_that_chose_has_its_curve_in_the_plan_already()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in (string[])["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "calibration.txt"])
            File.Copy(Path.Combine(TestFiles.TinyNovels, name), folder[name]);
        var call = SlebCli.Run("prune", folder.Path, "--remove", "2", "--windows", "2", "--sequence-length", "64", "--evaluation-windows", "2", "--run", folder["run"], "--plan-only", "--json");
        Assert.All(call.Json.GetProperty("rounds").EnumerateArray(), round => Assert.False(round.TryGetProperty("evaluation", out _)));
        var run = ReportRun.Read(folder["run"]);
        Assert.Empty(run.EvaluationCurve);
        Assert.Contains($"sleb prune {Path.GetFileName(folder.Path)} --calibration calibration.txt --remove 2 ", HtmlReport.Write([run])); // names are known all the same
    }

    private static double Loss(JsonElement measured) => measured.GetProperty("meanNll").GetDouble();
}
