using System.Text.Json.Nodes;
using Microsoft.ML;
using Sleb.Cli.Experiments;
using Sleb.MLNet;
using Sleb.Tests.Experiments;

namespace Sleb.Tests.Cli;

/// <summary>From a model, or from a session file, to a folder that runs and code that works.</summary>
public sealed class ExperimentTests : IDisposable
{
    private static readonly string[] Small =
    [
        "--remove", "1,2", "--precisions", "fp32,int4", "--windows", "2", "--sequence-lengths", "64", "--evaluation-windows", "1",
        "--prompt-tokens", "16", "--new-tokens", "4", "--runs", "1", "--budget", "perplexity-rise=100%",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Session => _folder["experiment", "sleb.json"];

    private string[] Args(params string[] more) =>
    [
        "experiment", TestFiles.TinyNovels, .. Small.Chunk(2).Where(option => !more.Contains(option[0])).SelectMany(option => option),
        "--checkpoint", _folder["experiment"], "--out", _folder["best"], .. more,
    ];

    private CliResult Run(params string[] more) => SlebCli.Run(Args(more));

    [Fact]
    public void It_ends_with_a_model_that_runs_code_that_works_and_a_session_to_go_on_from()
    {
        var call = Run("--json");
        var json = call.Json;
        Assert.Equal(4, json.GetProperty("trials").GetArrayLength());
        Assert.Equal("smallest-model", json.GetProperty("objective").GetString());
        var best = json.GetProperty("best");
        Assert.Equal((2, "int4"), (best.GetProperty("settings").GetProperty("removeBlocks").GetInt32(), best.GetProperty("settings").GetProperty("precision").GetString()));
        Assert.True(best.GetProperty("perplexity").GetDouble() > json.GetProperty("dense").GetProperty("perplexity").GetDouble());
        string folder = json.GetProperty("folder").GetString()!;
        Assert.Equal((_folder["best"], Session), (folder, json.GetProperty("session").GetString()));
        Assert.Equal(5, SlebCli.Run("generate", folder, "--prompt", "The door opened, and", "--max-new-tokens", "5", "--ignore-eos", "--json").Json.GetProperty("ids").GetArrayLength());

        // The generated code compiles as it stands, uses the model, and makes the same weights again.
        string[] code = [.. json.GetProperty("code").EnumerateArray().Select(file => file.GetString()!)];
        Assert.Equal([GeneratedCode.ConsumptionFile, GeneratedCode.PruningFile], code.Select(Path.GetFileName));
        var assembly = GeneratedProject.Compile(code);
        dynamic input = Activator.CreateInstance(assembly.GetType("SlebModel+ModelInput")!)!;
        input.Text = "The door opened, and";
        dynamic output = assembly.GetType("SlebModel")!.GetMethod("Predict", [input.GetType()])!.Invoke(null, [(object)input])!;
        Assert.NotEmpty((string)output.Completion);
        Assert.InRange((float)output.NegativeLogLikelihood, 0.1f, 10f);
        using var again = (SlebPruneTransformer)assembly.GetType("SlebPruning")!.GetMethod("Fit")!.Invoke(null, [new MLContext(), _folder["again"]])!;
        Assert.Equal(best.GetProperty("removedBlocks").EnumerateArray().Select(block => block.GetInt32()), again.Plan.RemovedBlocks);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "model.onnx.data")), File.ReadAllBytes(_folder["again", "model.onnx.data"]));

        // The session file goes on where it was: everything is known, and what others wrote into it stays.
        var session = JsonNode.Parse(File.ReadAllText(Session))!.AsObject();
        Assert.Equal(".", session["checkpoint"]!.GetValue<string>());
        session["note"] = "mine";
        session["budget"]!["sleep"] = 8;
        File.WriteAllText(Session, session.ToJsonString());
        var second = SlebCli.Run("experiment", Session);
        Assert.True(second.ExitCode == 0, second.Error);
        Assert.Contains("4 trials of 12 llama blocks, 4 finished already", second.Out, StringComparison.Ordinal);
        Assert.Equal([$"warning: {Session} has 'budget.sleep', which means nothing here; it is kept.", $"warning: {Session} has 'note', which means nothing here; it is kept."], CliResult.Lines(second.Error).Order());
        var rewritten = JsonNode.Parse(File.ReadAllText(Session))!.AsObject();
        Assert.Equal(("mine", 8), (rewritten["note"]!.GetValue<string>(), rewritten["budget"]!["sleep"]!.GetValue<int>()));
        Assert.True(JsonNode.DeepEquals(session, rewritten));
        Assert.Equal(2, rewritten["best"]!["settings"]!["removeBlocks"]!.GetValue<int>());
    }

    [Fact]
    public void A_person_reads_the_best_five_and_what_failed()
    {
        var call = Run("--remove", "1,11", "--precisions", "int4");
        Assert.True(call.ExitCode == 0, call.Error);
        Assert.Matches(@"Experiment +2 trials of 12 llama blocks\n", call.Out);
        Assert.Matches(@"Trial 1 +1 block by perplexity, 2 x 64 of calibration.txt, int4: perplexity .+, the best so far\n", call.Out);
        Assert.Matches(@"Trials +1 finished, 1 within the budget, 1 failed\n", call.Out);
        Assert.Matches(@"\nTrial +Removed +Precision +Perplexity +Rise +Size +ms/token +Prompt ms *\ndense +none +fp32 .+\n +1 +\d+ +int4 ", call.Out);
        Assert.Contains("warning: Trial 2 failed. The model has 12 blocks,", call.Error, StringComparison.Ordinal);

        // Columns in which trials differ are shown.
        Assert.Matches(@"\nTrial +Removed +Metric +Precision +Perplexity ", Run("--remove", "1", "--precisions", "int4", "--metrics", "perplexity,block-influence").Out);
    }

    [Fact]
    public void Ctrl_C_keeps_what_is_finished_and_the_same_command_goes_on()
    {
        using var source = new CancellationTokenSource();
        using var output = new CancellingWriter("Trial 1 ", source);
        using var error = new StringWriter { NewLine = "\n" };
        Assert.Equal(130, Sleb.Cli.SlebCommandLine.Run(Args("--precisions", "int4"), output, error, source.Token));
        Assert.Contains($"cancelled: The same command continues from {_folder["experiment"]}, which keeps every finished trial.", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("it was stopped before the end", output.ToString(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["best"]));

        var continued = Run("--precisions", "int4");
        Assert.True(continued.ExitCode == 0, continued.Error);
        Assert.Contains("2 trials of 12 llama blocks, 1 finished already", continued.Out, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder["best", "genai_config.json"]));
    }

    [Fact]
    public async Task Killed_it_goes_on_with_the_trials_that_are_left()
    {
        string log = _folder["experiment", "trials.jsonl"];
        using (var process = SlebCli.Start(_folder.Path, Args()))
        {
            while (!process.HasExited && !(File.Exists(log) && Lines(log) >= 4)) await Task.Delay(1, TestContext.Current.CancellationToken); // two trials are behind the first two lines
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        string[] kept = File.ReadAllText(log).Split('\n')[..^1];
        Assert.InRange(kept.Length, 4, 5); // else it was done before its kill, and nothing was tried
        var continued = Run("--json");
        Assert.Equal(4, continued.Json.GetProperty("trials").GetArrayLength());
        string[] whole = File.ReadAllLines(log);
        Assert.Equal(6, whole.Length); // nothing was tried twice
        Assert.Equal(kept, whole[..kept.Length]);

        static int Lines(string path)
        {
            using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            return reader.ReadToEnd().Count(character => character == '\n');
        }
    }

    [Fact]
    public void What_is_wrong_is_said_in_a_sentence()
    {
        Run("--budget", "size=small").AssertWrongCall("--budget has 'size=small'; perplexity-rise=10%, size=50MB or latency=5ms (a token) is expected, or several with commas between them.", "sleb experiment FILE_OR_MODEL");
        Run("--metrics", "loss").AssertWrongCall("--metrics has 'loss'; perplexity, one-shot and block-influence are known.", "sleb experiment FILE_OR_MODEL");
        Run("--precisions", "int2").AssertWrongCall("The experiment's settings are wrong. Precisions has 'int2'; fp32, int8 and int4 are known.", "sleb experiment FILE_OR_MODEL");
        Run("--remove", "1", "--precisions", "int4", "--budget", "size=1kB").AssertFailed("None of 1 trials keeps to the budget: the perplexity rises by +", " MB, the fastest takes ");

        string file = _folder["other.json"];
        File.WriteAllText(file, """{ "format": "sleb-model/1" }""");
        SlebCli.Run("experiment", file).AssertFailed("has the format 'sleb-model/1'; 'sleb-experiment/1' is expected");
        File.WriteAllText(file, """{ "format": "sleb-experiment/1", "model": "m", "evaluationWindows": "all" }""");
        SlebCli.Run("experiment", file).AssertFailed("is not a session file (", "evaluationWindows");
        File.WriteAllText(file, """{ "format": "sleb-experiment/1" }""");
        SlebCli.Run("experiment", file).AssertFailed("names no model");
        SlebCli.Run("experiment", file, "--remove", "1").AssertWrongCall($"{file} is a session file, which says it itself; --remove is for a model.", "sleb experiment FILE_OR_MODEL");
        Directory.CreateDirectory(_folder["best"]);
        File.WriteAllText(_folder["best", "thesis.txt"], "");
        Run().AssertFailed("is not empty; give another folder, or --overwrite");
    }

    [Fact]
    public void Paths_of_a_session_are_relative_to_it()
    {
        Directory.CreateDirectory(_folder["work", "texts"]);
        string file = _folder["work", "my.json"];
        File.WriteAllText(file, """{ "format": "sleb-experiment/1", "model": "../models/m", "calibration": ["texts/a.txt"], "space": { "removeBlocks": [2], "metrics": ["one-shot"] } }""");
        Directory.CreateDirectory(_folder["models", "m"]);
        var session = ExperimentSession.Load(file);
        Assert.Equal(_folder["models", "m"], session.Model);
        Assert.Equal(_folder["work", "texts", "a.txt"], session.Resolve(session.Settings.Calibration[0]));
        Assert.Equal([2], session.Settings.Space.RemoveBlocks);
        Assert.Equal([Core.Search.SearchMetric.OneShot], session.Settings.Space.Metrics);
        Assert.Empty(session.UnknownKeys);
    }

    [Theory]
    [InlineData("perplexity-rise=10%", 0.1, null, null)]
    [InlineData("perplexity-rise=0.05,size=1.5GB", 0.05, 1_500_000_000L, null)]
    [InlineData("latency=2.5ms, size=300kB", null, 300_000L, 2.5)]
    public void A_budget_reads_as_it_is_written(string text, double? rise, long? bytes, double? time) =>
        Assert.Equal(new SlebBudget { MaxPerplexityRise = rise, MaxModelBytes = bytes, MaxMillisecondsPerToken = time }, BudgetText.Parse(text));
}
