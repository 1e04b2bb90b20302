using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Sleb.Core.Calibration;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.MLNet;
using Sleb.MLNet.Pruning;
using Sleb.Torch.Natives;

namespace Sleb.Tests.MLNet;

/// <summary>SlebPrune on the embedded model: small windows, one block.</summary>
public sealed class PruneTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();
    private readonly List<LoggingEventArgs> _log = [];

    public PruneTests() => _ml.Log += (_, e) => { lock (_log) _log.Add(e); };

    public void Dispose() => _folder.Dispose();

    private static string CalibrationFile => Path.Combine(TestFiles.TinyNovels, "calibration.txt");

    private IDataView Calibration => _ml.Data.LoadSlebText(CalibrationFile);

    private static SlebPruneOptions Options(Action<SlebPruneOptions>? change = null)
    {
        var options = new SlebPruneOptions
        {
            ModelFolder = TestFiles.TinyNovels,
            RemoveBlocks = 1,
            SequenceLength = 64,
            Windows = 2,
            EvaluationWindows = 2,
            MaxNewTokens = 8,
        };
        change?.Invoke(options);
        return options;
    }

    private SlebPruneTransformer Fit(Action<SlebPruneOptions>? change = null) => _ml.Transforms.SlebPrune(Options(change)).Fit(Calibration);

    private string[] Lines(ChannelMessageKind kind)
    {
        lock (_log) return [.. _log.Where(e => e.Kind == kind && e.Source == "SlebPrune" && !e.RawMessage.StartsWith("Channel", StringComparison.Ordinal)).Select(e => e.RawMessage)];
    }

    [Fact]
    public void Fit_prunes_as_the_command_line_does_and_Transform_completes_and_scores()
    {
        var progress = new List<SearchProgress>();
        using var pruned = Fit(options =>
        {
            options.RunFolder = _folder["run"];
            options.Progress = new Listener(progress.Add);
        });
        var fromFile = PruneJob.Run(new PruneRequest
        {
            ModelFolder = TestFiles.TinyNovels,
            RemoveBlocks = 1,
            Calibration = TextFile.Read(CalibrationFile),
            SequenceLength = 64,
            Windows = 2,
            EvaluationWindows = 2,
            RunFolder = _folder["cli"],
            PlanOnly = true,
        }, null, CancellationToken.None);
        Assert.Equal(fromFile.Plan.Search.CalibrationFingerprint, pruned.Plan.Search.CalibrationFingerprint);
        Assert.Equal(fromFile.Plan.ToJson(), pruned.Plan.ToJson());
        Assert.Equal(fromFile.Plan.ToJson(), BlockPlan.Load(_folder["run", "plan.json"]).ToJson());
        Assert.Equal((fromFile.Dense.MeanNll, fromFile.Pruned.MeanNll), (pruned.Dense.MeanNll, pruned.Pruned.MeanNll));
        Assert.Equal(pruned.Pruned.MeanNll, pruned.Shipped.MeanNll, 1e-4);
        Assert.True(pruned.Pruned.Perplexity > pruned.Dense.Perplexity);

        // Ten candidates, twelve blocks without the first and the last, on two windows.
        Assert.Equal(20, progress.Count);
        Assert.Equal(20, Lines(ChannelMessageKind.Trace).Count(line => line.StartsWith("Round 1 of 1, loss ", StringComparison.Ordinal)));
        Assert.Single(Lines(ChannelMessageKind.Info), line => line.StartsWith($"Round 1 of 1: block {pruned.Plan.RemovedBlocks[0]} goes, ", StringComparison.Ordinal));

        string opening = File.ReadAllText(CalibrationFile)[..20];
        lock (_log) Assert.DoesNotContain(_log, e => e.RawMessage.Contains(opening, StringComparison.Ordinal));

        Assert.Equal(_folder["run", "tiny-novels-minus-1"], pruned.ModelFolder);
        var rows = _ml.Data.LoadFromEnumerable(new[] { new { Text = "The old house stood", Id = 7 }, new { Text = "She said that she", Id = 8 } });
        var view = pruned.Transform(rows);
        Assert.All(view.GetColumn<string>("Completion"), completion => Assert.NotEmpty(completion));
        Assert.All(view.GetColumn<float>("NegativeLogLikelihood"), score => Assert.InRange(score, 0.5f, 12f));
        Assert.Equal([7, 8], view.GetColumn<int>("Id"));

        // What the transformer wrote is what ApplySlebModel reads.
        using var applied = _ml.Transforms.ApplySlebModel(new() { ModelFolder = pruned.ModelFolder, MaxNewTokens = 8 }).Fit(rows);
        Assert.Equal(view.GetColumn<string>("Completion"), applied.Transform(rows).GetColumn<string>("Completion"));
        Assert.Equal(view.GetColumn<float>("NegativeLogLikelihood"), applied.Transform(rows).GetColumn<float>("NegativeLogLikelihood"));

        // Again with the same run folder: nothing is scored twice and the finished folder stays.
        var written = Directory.GetLastWriteTimeUtc(pruned.ModelFolder);
        progress.Clear();
        using var again = Fit(options =>
        {
            options.RunFolder = _folder["run"];
            options.Progress = new Listener(progress.Add);
        });
        Assert.Empty(progress);
        Assert.Equal(pruned.Plan.ToJson(), again.Plan.ToJson());
        Assert.Equal(written, Directory.GetLastWriteTimeUtc(again.ModelFolder));
    }

    [Fact]
    public void Without_a_folder_to_stay_in_the_model_goes_with_the_transformer_and_saving_says_so()
    {
        var estimator = new SlebPruneEstimator(_ml, Options(options => options.EvaluationData = Calibration));
        string temporary;
        using (var pruned = estimator.Fit(Calibration))
        {
            temporary = pruned.ModelFolder;
            Assert.StartsWith(Path.GetTempPath(), temporary, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(temporary, "model.onnx")));
            Assert.Contains("SaveModelFolder", Assert.Throws<InvalidOperationException>(
                () => _ml.Model.Save(pruned, Calibration.Schema, _folder["model.zip"])).Message, StringComparison.Ordinal);

            pruned.SaveModelFolder(_folder["kept"]);
            Assert.Equal(_folder["kept"], pruned.ModelFolder);
            _ml.Model.Save(pruned, Calibration.Schema, _folder["model.zip"]);
            var rows = _ml.Data.LoadFromEnumerable(new[] { new { Text = "She said that she" } });
            var loaded = new MLContext().Model.Load(_folder["model.zip"], out _);
            Assert.Equal(pruned.Transform(rows).GetColumn<string>("Completion"), loaded.Transform(rows).GetColumn<string>("Completion"));
            Assert.Equal(pruned.Transform(rows).GetColumn<float>("NegativeLogLikelihood"), loaded.Transform(rows).GetColumn<float>("NegativeLogLikelihood"));
        }
        Assert.False(Directory.Exists(temporary));
        Assert.True(File.Exists(_folder["kept", "model.onnx"]));
    }

    [Fact]
    public void More_blocks_than_the_barriers_leave_are_refused()
    {
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => Fit(options => (options.RemoveBlocks, options.RunFolder) = (11, _folder["run"])));
        Assert.Contains("1 to 10 can be removed", exception.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["run"]));
    }

    [Fact]
    public void A_text_shorter_than_a_window_is_refused()
    {
        var data = _ml.Data.LoadFromEnumerable(new[] { new { Text = "Too short." } });
        var exception = Assert.ThrowsAny<Exception>(() => _ml.Transforms.SlebPrune("Completion", "Text", TestFiles.TinyNovels, 1).Fit(data));
        Assert.Contains("'Text'", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Too short", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gpu_that_is_not_there_is_refused_before_anything_is_searched_or_replaced_with_a_warning()
    {
        LibTorch.EnsureLoaded();
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "This machine has a GPU.");
        foreach (bool byOption in new[] { true, false })
        {
            _ml.GpuDeviceId = byOption ? null : 0;
            var exception = Assert.Throws<InvalidOperationException>(() => Fit(options => (options.GpuDeviceId, options.RunFolder) = (byOption ? 0 : null, _folder["run"])));
            Assert.Contains("CUDA", exception.Message, StringComparison.OrdinalIgnoreCase);
            Assert.False(File.Exists(_folder["run", "run.jsonl"]));
        }
        using var pruned = Fit(options => options.FallbackToCpu = true);
        Assert.Contains(Lines(ChannelMessageKind.Warning), line => line.Contains("CPU", StringComparison.Ordinal));
    }

    [Fact]
    public void A_token_and_the_contexts_flag_cancel_in_the_middle_of_a_search()
    {
        using var source = new CancellationTokenSource();
        var seen = new List<SearchProgress>();
        Assert.ThrowsAny<OperationCanceledException>(() => Fit(options =>
        {
            options.RunFolder = _folder["run"];
            options.CancellationToken = source.Token;
            options.Progress = new Listener(progress =>
            {
                seen.Add(progress);
                if (seen.Count == 2) source.Cancel();
            });
        }));
        Assert.Equal(2, seen.Count);
        Assert.Equal(["run.jsonl"], Directory.GetFiles(_folder["run"]).Select(Path.GetFileName)); // no plan, no model

        Assert.ThrowsAny<OperationCanceledException>(() => Fit(options =>
        {
            options.RunFolder = _folder["run"];
            options.Progress = new Listener(progress =>
            {
                seen.Add(progress);
                InternalsTests.Cancel(_ml);
                Thread.Sleep(1000); // the flag is polled
            });
        }));
        Assert.Equal(3, seen.Count);
        Assert.Throws<OperationCanceledException>(() => Fit());
    }

    private sealed class Listener(Action<SearchProgress> heard) : IProgress<SearchProgress>
    {
        public void Report(SearchProgress value) => heard(value);
    }
}
