using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Hub;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.Core.Tokenization;
using Sleb.MLNet.Latency;
using Sleb.MLNet.Memory;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Reporting;
using Sleb.Onnx;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Runtime;
using Sleb.Torch.Scoring;

namespace Sleb.MLNet.Experiments;

/// <summary>Runs the trials of one experiment, with what they share: the dense model in memory, texts as windows, searches, written folders.</summary>
internal sealed class TrialRunner : IDisposable
{
    /// <summary>In the checkpoint folder: a run folder for each search.</summary>
    public const string SearchesFolder = "searches";

    private readonly ExperimentRequest _request;
    private readonly Action<ExperimentEvent> _tell;
    private readonly Checkpoint _checkpoint;
    private readonly string _family;
    private readonly Lazy<HuggingFaceTokenizer> _tokenizer;
    private readonly IReadOnlyList<int[]> _evaluation;
    private readonly TrialLog _log;
    private readonly Dictionary<SearchIdentity, BlockPlan> _plans = [];
    private readonly HashSet<string> _warned = [];
    private TorchModel? _model;
    private Arithmetic? _faster;

    /// <exception cref="CheckpointException">The model is missing, damaged or unsupported, or the folder belongs to another experiment.</exception>
    /// <exception cref="InvalidDataException">The evaluation text is shorter than a window.</exception>
    public TrialRunner(ExperimentRequest request, Action<ExperimentEvent> tell, CancellationToken cancellationToken)
    {
        (_request, _tell) = (request, tell);
        if (File.Exists(Path.Combine(request.ModelFolder, GenAIConfig.FileName)))
            throw new CheckpointException($"{request.ModelFolder} is an ONNX Runtime GenAI folder; an experiment needs the Hugging Face folder that it was made from. 'sleb prune' takes either.");
        _checkpoint = Checkpoint.Open(request.ModelFolder);
        try
        {
            _family = _checkpoint.RequireFamily().ModelType;
            _tokenizer = new(() => HuggingFaceTokenizer.Load(_checkpoint.Folder));
            Latency = request.Latency.Within(_checkpoint.Config.MaxPositionEmbeddings);
            _evaluation = Cut(request.Evaluation ?? PruneText.EvaluationBeside(_checkpoint.Folder) ?? request.Calibrations[0].Source,
                DefaultLength, request.EvaluationWindows == 0 ? null : request.EvaluationWindows);
            _log = TrialLog.Open(request.Folder, new(
                _checkpoint.ReadFingerprint(cancellationToken), ExperimentIdentity.Name(request.Calibrations), TokenWindows.Fingerprint(_evaluation),
                Latency.Describe(), request.Space.Effort));
        }
        catch
        {
            _checkpoint.Dispose();
            throw;
        }
    }

    public string Family => _family;

    public int Blocks => _checkpoint.Config.NumHiddenLayers;

    /// <summary>What is timed, in this model's context.</summary>
    public SlebLatencyProtocol Latency { get; }

    private int DefaultLength => TokenWindows.Length(null, _checkpoint.Config.MaxPositionEmbeddings);

    public IReadOnlyList<SlebTrialSettings> Trials() => _request.Space.Trials(Blocks, DefaultLength, [.. _request.Calibrations.Select(text => text.Name)]);

    /// <summary>The trial as the folder remembers it, or null.</summary>
    public SlebTrialResult? Known(SlebTrialSettings settings) =>
        _log.Find(settings) is { } known ? known with { Settings = settings, ModelFolder = Existing(known) } : null;

    /// <summary>The dense checkpoint on the evaluation text, in fp32.</summary>
    public NllSummary Dense(CancellationToken cancellationToken)
    {
        if (_log.Dense is { } known) return known;
        _tell(new ExperimentEvent.Phase("evaluating the dense model"));
        _log.Append(NllSummary.Of(_evaluation, Model(cancellationToken).WindowNll(_evaluation, null, cancellationToken)));
        return _log.Dense!;
    }

    public SlebTrialResult Run(SlebTrialSettings settings, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        double dense = Dense(cancellationToken).MeanNll;
        var removed = Search(settings, cancellationToken).RemovedBlocks.Take(settings.RemoveBlocks).ToList();
        var result = _log.FindFolder(removed, settings.Precision) is { } equal
            ? equal with { Settings = settings, ModelFolder = Existing(equal) }
            : Measure(settings, removed, dense, cancellationToken);
        result = result with { DurationInSeconds = Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 3) };
        _log.Append(result);
        return result;
    }

    /// <summary>Writes the folder of a finished trial again where it is gone.</summary>
    public SlebTrialResult WithFolder(SlebTrialResult result, CancellationToken cancellationToken) =>
        result.ModelFolder is not null ? result : result with { ModelFolder = Write(result.RemovedBlocks, result.Settings.Precision, cancellationToken) };

    public void Fail(SlebFailedTrial trial) => _log.Append(trial);

    public void Dispose()
    {
        _log.Dispose();
        _model?.Dispose();
        _checkpoint.Dispose();
    }

    private TorchModel Model(CancellationToken cancellationToken) => _model ??= TorchModel.Load(_checkpoint, cancellationToken: cancellationToken);

    /// <summary>Removals nest: what was searched for more blocks is the plan for fewer, and more blocks go on where fewer ended.</summary>
    private BlockPlan Search(SlebTrialSettings settings, CancellationToken cancellationToken)
    {
        SlebSearch.CheckBarriers(Blocks, settings.RemoveBlocks, earlyBarrier: 1, lateBarrier: 1);
        var text = _request.Calibrations.First(each => each.Name == settings.Calibration).Source;
        var windows = Cut(text, settings.SequenceLength, settings.Windows);
        var request = new PruneRequest
        {
            ModelFolder = _checkpoint.Folder,
            ModelName = _request.ModelName,
            RemoveBlocks = settings.RemoveBlocks,
            Calibration = text,
            Metric = settings.Metric,
            Effort = _request.Space.Effort,
        };
        var asked = request.Identity(_checkpoint.Fingerprint, _family, Blocks, windows, settings.SequenceLength);
        if (_plans.TryGetValue(asked, out var known) && known.Removals.Count >= settings.RemoveBlocks) return known;

        if (windows.Count < settings.Windows)
            _tell(new ExperimentEvent.Warning(FormattableString.Invariant(
                $"{text.Name} holds {windows.Count} windows of {settings.SequenceLength} tokens, fewer than the {settings.Windows} asked for.")));
        string run = Path.Combine(_request.Folder, SearchesFolder, Path.GetFileName(PruneFolders.Choose(request, asked).Run));
        var arithmetic = RunTrace.ArithmeticOf(run) ?? (_faster ??= FasterArithmetic.Measure(null, _checkpoint.Config.HiddenSize));
        var model = Model(cancellationToken);
        if (arithmetic == Arithmetic.Bf16) model.Lower(_checkpoint);
        using var scorer = new TorchBlockScorer(model, windows, arithmetic);
        return _plans[asked] = SearchRun.Run(scorer, asked with { Arithmetic = arithmetic }, new(run, ""), settings.RemoveBlocks,
            happened => Tell(happened, known?.Removals.Count ?? 0), cancellationToken);
    }

    /// <summary>A search that goes on comes by its first rounds again: of those nothing more is said.</summary>
    private void Tell(PruneEvent happened, int knownRounds)
    {
        if (happened is PruneEvent.Decided decided && decided.Round <= knownRounds) return;
        if (happened is PruneEvent.Warning warning && !_warned.Add(warning.Message)) return;
        _tell(new ExperimentEvent.Search(happened));
    }

    private SlebTrialResult Measure(SlebTrialSettings settings, IReadOnlyList<int> removed, double dense, CancellationToken cancellationToken)
    {
        string folder = Write(removed, settings.Precision, cancellationToken);
        using var model = GenAIModel.Load(folder);
        _tell(new ExperimentEvent.Phase("evaluating the written folder"));
        var shipped = NllSummary.Of(_evaluation, [.. _evaluation.Select(ids => model.TokenNll(ids, cancellationToken).Average())]);
        _tell(new ExperimentEvent.Phase("timing the written folder"));
        var latency = ModelLatency.Measure([model], Latency.Within(model.ContextLength), cancellationToken)[0];
        return new SlebTrialResult
        {
            Settings = settings,
            RemovedBlocks = removed,
            MeanNll = shipped.MeanNll,
            StandardError = shipped.StandardError,
            PerplexityRise = Math.Exp(shipped.MeanNll - dense) - 1,
            ModelBytes = ModelFolder.Bytes(folder),
            MillisecondsPerToken = latency.MillisecondsPerToken,
            PromptMilliseconds = Rates.Median(latency.PromptMilliseconds),
            LatencySpread = Rates.Spread(latency.GenerationMilliseconds),
            DurationInSeconds = 0, // known at the end
            ModelFolder = folder,
        };
    }

    private string Write(IReadOnlyList<int> removed, string precision, CancellationToken cancellationToken)
    {
        _tell(new ExperimentEvent.Phase("writing the ONNX folder"));
        var request = new ExportRequest
        {
            Checkpoint = _checkpoint,
            RemovedBlocks = removed,
            OutFolder = Folder(removed, precision),
            Precision = precision,
            Card = new ModelCard
            {
                BaseFolder = _checkpoint.Folder,
                Command = CommandText.Export(ModelSource.IdOf(_checkpoint.Folder), null, removed, CommandText.Form("cpu", precision, new())),
            }.Text,
        };
        var export = OnnxExporter.Export(
            new LoadedJobModel(Model(cancellationToken)).Checked(request, Survivors.After(Blocks, removed)), cancellationToken);
        foreach (string note in export.Notes) _tell(new ExperimentEvent.Warning(note));
        return export.Folder;
    }

    private string? Existing(SlebTrialResult result) =>
        Folder(result.RemovedBlocks, result.Settings.Precision) is var folder && Directory.Exists(folder) ? folder : null;

    /// <summary>Named after what is in it: which blocks went in which order, and the precision.</summary>
    private string Folder(IReadOnlyList<int> removed, string precision)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(',', removed))))[..8];
        return Path.GetFullPath(Path.Combine(_request.Folder, "models", FormattableString.Invariant($"{_request.ModelName}-minus-{removed.Count}-{precision}-{hash}")));
    }

    private IReadOnlyList<int[]> Cut(TextSource source, int length, int? windows)
    {
        var config = _checkpoint.Config;
        return TokenWindows.Cut(source, () => _tokenizer.Value, TokenWindows.Length(length, config.MaxPositionEmbeddings), windows, config.MaxPositionEmbeddings, config.VocabSize);
    }
}
