using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Runtime;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.MLNet;

namespace Sleb.Tests.Experiments;

/// <summary>ml.Sleb().CreateExperiment() on the embedded model: small windows, few tokens timed.</summary>
public sealed class ExperimentTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();
    private readonly List<(string Source, ChannelMessageKind Kind, string Text)> _log = [];

    public ExperimentTests() => _ml.Log += (_, e) => { lock (_log) _log.Add((e.Source, e.Kind, e.RawMessage)); };

    public void Dispose() => _folder.Dispose();

    private string Checkpoint => _folder["experiment"];

    private SlebExperiment Experiment(params int[] counts)
    {
        IDataView text = _ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "calibration.txt"));
        return _ml.Sleb().CreateExperiment()
            .SetModel(TestFiles.TinyNovels)
            .SetCalibration(text)
            .SetEvaluation(_ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "evaluation.txt")), windows: 1)
            .SetSearchSpace(space => (space.RemoveBlocks, space.Windows, space.SequenceLengths, space.Precisions) = (counts, [2], [64], ["fp32", "int4"]))
            .SetLatency(new() { PromptTokens = 16, GenerationPromptTokens = 4, NewTokens = 4, BatchSize = 2, Runs = 2 })
            .SetBudget(new() { MaxPerplexityRise = 1 })
            .SetCheckpoint(Checkpoint);
    }

    private string[] Lines(string source, ChannelMessageKind kind)
    {
        lock (_log) return [.. _log.Where(line => (line.Source, line.Kind) == (source, kind) && !line.Text.StartsWith("Channel", StringComparison.Ordinal)).Select(line => line.Text)];
    }

    [Fact]
    public void One_search_gives_every_count_and_the_smallest_within_the_budget_is_kept()
    {
        var monitor = new Monitor();
        using var result = Experiment(1, 2).SetMonitor(monitor).Run();

        Assert.Equal([(1, "fp32"), (1, "int4"), (2, "fp32"), (2, "int4")], result.Trials.Select(trial => (trial.Settings.RemoveBlocks, trial.Settings.Precision)));
        Assert.True(result.IsComplete);
        Assert.Empty(result.FailedTrials);
        Assert.Equal(result.Trials.MinBy(trial => trial.ModelBytes), result.Best);
        Assert.All(result.Trials, trial => Assert.Equal(trial == result.Best, trial.ModelFolder is not null));
        Assert.Equal([result.Best!.ModelFolder], Directory.GetDirectories(Path.Combine(Checkpoint, "models")));
        Assert.All(result.Trials, trial => Assert.Equal(trial.Perplexity / result.DensePerplexity - 1, trial.PerplexityRise, 1e-9));
        Assert.True(result.Trials[0].Perplexity < result.Trials[2].Perplexity && result.Trials[1].ModelBytes < result.Trials[0].ModelBytes);
        Assert.All(result.Trials, trial => Assert.True(trial.MillisecondsPerToken > 0 && trial.PromptMilliseconds > 0));

        // Ten candidates and then nine, each on two windows, and the dense model: what one search for two blocks measures.
        string trace = Assert.Single(Directory.GetFiles(Path.Combine(Checkpoint, "searches"), "run.jsonl", SearchOption.AllDirectories));
        Assert.Equal(2 * (10 + 9 + 1), File.ReadLines(trace).Count(line => line.Contains("\"arithmetic\":\"fp32\"", StringComparison.Ordinal) && line.Contains("\"loss\":", StringComparison.Ordinal)));
        Assert.Equal(result.Trials[0].RemovedBlocks, result.Trials[2].RemovedBlocks.Take(1));

        Assert.Equal(["running 1", "completed 1", "best 1", "running 2", "completed 2", "best 2", "running 3", "completed 3", "running 4", "completed 4", "best 4"], monitor.Heard);
        Assert.True(monitor.Losses >= 38);
        Assert.Contains("Trial 1: perplexity", Lines("SlebExperiment", ChannelMessageKind.Info).Single(line => line.StartsWith("Trial 1:", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Single(Lines("SlebPrune", ChannelMessageKind.Info), line => line.StartsWith("Round 1 of 1: ", StringComparison.Ordinal));
        Assert.Single(Lines("SlebPrune", ChannelMessageKind.Info), line => line.StartsWith("Round 2 of 2: ", StringComparison.Ordinal));

        // What was chosen is what SlebPrune makes of the same settings, and it can be used.
        result.SaveModelFolder(_folder["best"]);
        using var scorer = _ml.Transforms.ApplySlebModel("Completion", "Text", _folder["best"]).Fit(_ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "evaluation.txt")));
        Assert.Equal(result.Best.RemovedBlocks, Provenance.Read(_folder["best"])!.RemovedBlocks);
    }

    [Fact]
    public void It_goes_on_from_its_checkpoint_and_another_experiment_is_refused()
    {
        string log = Path.Combine(Checkpoint, "trials.jsonl");
        using (var first = Experiment(1).Run()) Assert.Equal(2, first.Trials.Count);
        string kept = File.ReadAllText(log);
        File.AppendAllText(log, "{\"result\":{\"settings\":{\"trialId\":3,"); // killed while it wrote

        var monitor = new Monitor();
        using var second = Experiment(1, 2).SetMonitor(monitor).Run();
        Assert.Equal(["completed 1", "best 1", "completed 2", "best 2", "running 3", "completed 3", "running 4", "completed 4", "best 4"], monitor.Heard);
        Assert.StartsWith(kept, File.ReadAllText(log), StringComparison.Ordinal);
        Assert.Equal(kept.Split('\n').Length + 2, File.ReadAllLines(log).Length + 1);
        Assert.Equal(4, second.Trials.Count);

        // All is known; the best by another objective is written again.
        monitor = new Monitor();
        using var third = Experiment(1, 2).SetObjective(SlebObjective.LowestPerplexity).SetMonitor(monitor).Run();
        Assert.Equal(["completed 1", "best 1", "completed 2", "completed 3", "completed 4"], monitor.Heard);
        Assert.Equal((1, "fp32"), (third.Best!.Settings.RemoveBlocks, third.Best.Settings.Precision));
        Assert.True(File.Exists(Path.Combine(third.Best.ModelFolder!, "genai_config.json")));
        Assert.Equal([third.Best.ModelFolder], Directory.GetDirectories(Path.Combine(Checkpoint, "models")));

        var e = Assert.Throws<CheckpointException>(() => Experiment(1).SetLatency(new() { PromptTokens = 17 }).Run());
        Assert.Contains("trials.jsonl belongs to another experiment (latency a prompt of 16 tokens", e.Message, StringComparison.Ordinal);
        File.WriteAllText(log, File.ReadLines(log).First() + "\n{}\n");
        Assert.Contains("is damaged in line 2", Assert.Throws<CheckpointException>(() => Experiment(1).Run()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_after_a_trial_the_best_so_far_is_the_result_and_before_any_nothing_is()
    {
        using var source = new CancellationTokenSource();
        using var stopped = await Experiment(1, 2).SetMonitor(new Monitor { Completed = source.Cancel }).RunAsync(source.Token);
        Assert.Equal(1, Assert.Single(stopped.Trials).Settings.TrialId);
        Assert.False(stopped.IsComplete);
        Assert.Equal(stopped.Trials[0], stopped.Best);
        Assert.True(Directory.Exists(stopped.Best!.ModelFolder));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Experiment(1).SetCheckpoint(_folder["other"]).RunAsync(source.Token));
        Assert.False(Directory.Exists(_folder["other"]));
        using var soon = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Experiment(1).SetCheckpoint(_folder["third"]).SetMonitor(new Monitor { Searching = soon.Cancel }).RunAsync(soon.Token));
        var cancelled = Experiment(1).SetCheckpoint(_folder["fourth"]).SetMonitor(new Monitor { Searching = CancelExecution });
        Assert.ThrowsAny<OperationCanceledException>(() => cancelled.Run());

        void CancelExecution() => typeof(MLContext).GetMethod("CancelExecution", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(_ml, null);
    }

    [Fact]
    public void A_failed_trial_is_kept_with_its_reason_and_the_others_go_on()
    {
        var monitor = new Monitor();
        using var result = Experiment(1, 11).SetSearchSpace(space => space.Precisions = ["fp32"]).SetMonitor(monitor).Run();
        Assert.Equal(1, Assert.Single(result.Trials).Settings.RemoveBlocks);
        var failed = Assert.Single(result.FailedTrials);
        Assert.Equal((11, "The model has 12 blocks, of which the first 1 and the last 1 stay: 1 to 10 can be removed."), (failed.Settings.RemoveBlocks, failed.Reason));
        Assert.Equal(["running 1", "completed 1", "best 1", "running 2", "failed 2"], monitor.Heard);
        Assert.Contains($"Trial 2 failed. {failed.Reason}", Lines("SlebExperiment", ChannelMessageKind.Warning));
        Assert.Contains(failed.Reason, File.ReadAllLines(Path.Combine(Checkpoint, "trials.jsonl"))[^1], StringComparison.Ordinal);

        var e = Assert.Throws<InvalidOperationException>(() => Experiment(11).SetCheckpoint(_folder["none"]).Run());
        Assert.StartsWith("Every trial failed. The first one, trial 1, 11 blocks by perplexity on 2 windows of 64 tokens of calibration, fp32: The model has 12 blocks", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_folders_are_measured_once_and_a_part_of_a_large_space_is_tried()
    {
        // One block by either of two looks at the same windows is the same block.
        using var equal = Experiment(1).SetSearchSpace(space => (space.Metrics, space.Precisions) = ([SearchMetric.Perplexity, SearchMetric.OneShot], ["fp32"])).Run();
        Assert.Equal(2, equal.Trials.Count);
        Assert.Equal(equal.Trials[0] with { Settings = equal.Trials[1].Settings, DurationInSeconds = 0, RemovedBlocks = [] }, equal.Trials[1] with { DurationInSeconds = 0, RemovedBlocks = [], ModelFolder = equal.Trials[0].ModelFolder });
        Assert.Single(equal.ParetoFront);

        using var part = Experiment(1, 2, 3).SetMaxModelToExplore(2).SetMonitor(new Monitor()).Run();
        Assert.Equal(2, part.Trials.Count);
        Assert.True(part.IsComplete);
    }

    [Fact]
    public void Time_that_is_over_ends_it_and_wrong_settings_are_all_named()
    {
        Assert.Contains("1 seconds were over before the first trial was finished", Assert.Throws<TimeoutException>(() =>
            Experiment(1).SetSearchSpace(space => (space.Windows, space.SequenceLengths) = ([40], [512])).SetMonitor(new Monitor { Searching = () => Thread.Sleep(1200) }).SetTrainingTimeInSeconds(1).Run()).Message, StringComparison.Ordinal);
        var e = Assert.Throws<ArgumentException>(() => _ml.Sleb().CreateExperiment().SetSearchSpace(space => space.Windows = [0]).SetBudget(new() { MaxModelBytes = 0 }).SetLatency(new() { Runs = 0 }).Run());
        Assert.All(["call SetModel", "call SetCalibration", "Windows has 0", "MaxModelBytes is 0", "Runs is 0"], part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
        Assert.Throws<ArgumentOutOfRangeException>(() => Experiment(1).SetCalibration(_ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "calibration.txt")), "Nothing"));
    }

    [Fact]
    public void Without_a_checkpoint_the_model_goes_with_the_result_and_progress_alone_will_do()
    {
        var heard = new List<SlebTrialResult>();
        var result = _ml.Sleb().CreateExperiment()
            .SetModel(TestFiles.TinyNovels)
            .SetCalibration(_ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "calibration.txt")))
            .SetEvaluation(_ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "evaluation.txt")), windows: 1)
            .SetSearchSpace(space => (space.RemoveBlocks, space.Windows, space.SequenceLengths, space.Precisions) = ([1], [1], [64], ["int8"]))
            .SetLatency(new() { PromptTokens = 8, NewTokens = 2, Runs = 1 })
            .SetBudget(new() { MaxModelBytes = 1000 })
            .SetMonitor(new Progress(heard.Add)).Run();
        Assert.Equal(result.Trials, heard.Select(trial => trial with { ModelFolder = null }));
        Assert.Null(result.Best); // no model is that small
        Assert.Throws<InvalidOperationException>(() => result.SaveModelFolder(_folder["best"]));
        result.Dispose();
        result.Dispose();
    }

    private sealed class Progress(Action<SlebTrialResult> heard) : IProgress<SlebTrialResult>
    {
        public void Report(SlebTrialResult value) => heard(value);
    }

    private sealed class Monitor : ISlebMonitor
    {
        public List<string> Heard { get; } = [];

        public int Losses { get; private set; }

        public Action? Completed { get; init; }

        public Action? Searching { get; init; }

        public void ReportRunningTrial(SlebTrialSettings settings) => Heard.Add($"running {settings.TrialId}");

        public void ReportSearchProgress(SearchProgress progress)
        {
            Losses++;
            Searching?.Invoke();
        }

        public void ReportCompletedTrial(SlebTrialResult result)
        {
            Heard.Add($"completed {result.Settings.TrialId}");
            Completed?.Invoke();
        }

        public void ReportBestTrial(SlebTrialResult result) => Heard.Add($"best {result.Settings.TrialId}");

        public void ReportFailTrial(SlebTrialSettings settings, Exception exception) => Heard.Add($"failed {settings.TrialId}");
    }
}
