using Microsoft.ML;
using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;
using Sleb.MLNet.Data;
using Sleb.MLNet.Experiments;
using Sleb.MLNet.Folders;
using Sleb.MLNet.Internals;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet;

/// <summary>
/// Prunes one model in many ways, measures each, and keeps the best by an objective and a budget. Trials share what they have in
/// common: one search gives every number of blocks, and one written folder every trial that comes to it. It works on the CPU.
/// </summary>
/// <remarks>
/// Made by <c>mlContext.Sleb().CreateExperiment()</c>; described by the Set methods, in any order. <c>MLContext.Log</c> gets a line for each
/// trial from the source SlebExperiment, and those of its search from SlebPrune. Repairing a pruned model by training is no part of it.
/// </remarks>
public sealed class SlebExperiment
{
    private readonly Surroundings _surroundings;
    private readonly Dictionary<string, (IDataView Data, string ColumnName)> _calibrations = [];
    private readonly SlebSearchSpace _space = new();
    private (IDataView Data, string ColumnName, int Windows)? _evaluation;
    private string _model = "";
    private bool _offline;
    private SlebObjective? _objective;
    private SlebBudget _budget = new();
    private SlebLatencyProtocol _latency = new();
    private double? _seconds;
    private int? _most;
    private string? _checkpoint;
    private ISlebMonitor? _monitor;

    internal SlebExperiment(Surroundings surroundings) => _surroundings = surroundings;

    /// <summary>Which dense model. Required.</summary>
    /// <param name="modelFolder">A Hugging Face folder or hub id, see <see cref="SlebPruneOptions.ModelFolder"/>.</param>
    /// <param name="offline">Whether to touch no network.</param>
    public SlebExperiment SetModel(string modelFolder, bool offline = false)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelFolder);
        (_model, _offline) = (modelFolder, offline);
        return this;
    }

    /// <summary>The text that decides. Required. Called again with another name, it adds a further text to the space.</summary>
    /// <param name="data">Data with a text column; its rows, joined by two newlines, make one text.</param>
    /// <param name="columnName">The text column.</param>
    /// <param name="name">What trials call it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public SlebExperiment SetCalibration(IDataView data, string columnName = "Text", string name = "calibration")
    {
        CheckColumn(data, columnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        _calibrations[name] = (data, columnName);
        return this;
    }

    /// <summary>The text that perplexities are measured on. Without it, evaluation.txt beside the model, else the first calibration text.</summary>
    /// <param name="data">Data with a text column; its rows, joined by two newlines, make one text.</param>
    /// <param name="columnName">The text column.</param>
    /// <param name="windows">Windows of 512 tokens, or the model's context where that is shorter; 0 means all.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type, or <paramref name="windows"/> is negative.</exception>
    public SlebExperiment SetEvaluation(IDataView data, string columnName = "Text", int windows = 32)
    {
        CheckColumn(data, columnName);
        ArgumentOutOfRangeException.ThrowIfNegative(windows);
        _evaluation = (data, columnName, windows);
        return this;
    }

    /// <summary>What the trials differ in.</summary>
    /// <param name="set">Changes the space, which is the default one at first.</param>
    public SlebExperiment SetSearchSpace(Action<SlebSearchSpace> set)
    {
        ArgumentNullException.ThrowIfNull(set);
        set(_space);
        return this;
    }

    /// <summary>What the chosen model must keep to.</summary>
    /// <param name="budget">The bounds; none at all means a perplexity rise of 0.1, unless the objective is the Pareto front.</param>
    public SlebExperiment SetBudget(SlebBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        _budget = budget;
        return this;
    }

    /// <summary>
    /// What is best. Without it, the lowest perplexity; where the budget bounds nothing but the perplexity, which would choose the
    /// model least pruned, the smallest model.
    /// </summary>
    /// <param name="objective">What counts among the trials within the budget.</param>
    public SlebExperiment SetObjective(SlebObjective objective)
    {
        _objective = objective;
        return this;
    }

    /// <summary>What is timed of every model.</summary>
    /// <param name="protocol">The sizes; the default is the paper's protocol with one text at a time.</param>
    public SlebExperiment SetLatency(SlebLatencyProtocol protocol)
    {
        ArgumentNullException.ThrowIfNull(protocol);
        _latency = protocol;
        return this;
    }

    /// <summary>How long it may take; the trial that is running then is given up. Without it there is no limit.</summary>
    /// <param name="seconds">From the start of Run, reading the model included.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is 0.</exception>
    public SlebExperiment SetTrainingTimeInSeconds(uint seconds)
    {
        ArgumentOutOfRangeException.ThrowIfZero(seconds);
        _seconds = seconds;
        return this;
    }

    /// <summary>How many points of the space are tried at most: a random part of a larger space, the same in every run.</summary>
    /// <param name="count">At least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public SlebExperiment SetMaxModelToExplore(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        _most = count;
        return this;
    }

    /// <summary>
    /// A folder that keeps every finished trial, every loss of the searches and the best model. The same experiment goes on from there,
    /// with a larger or another space, objective or budget if need be; for another model, text or protocol it is refused. Failed
    /// trials are tried again. Without it a temporary folder is used, which goes with the result.
    /// </summary>
    /// <param name="folder">It is made where it is not there.</param>
    public SlebExperiment SetCheckpoint(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        _checkpoint = folder;
        return this;
    }

    /// <summary>Who hears of trials while they run.</summary>
    /// <param name="monitor">Called on the thread that works.</param>
    public SlebExperiment SetMonitor(ISlebMonitor monitor)
    {
        ArgumentNullException.ThrowIfNull(monitor);
        _monitor = monitor;
        return this;
    }

    /// <summary>Who hears of each finished trial.</summary>
    /// <param name="progress">Called on the thread that works.</param>
    public SlebExperiment SetMonitor(IProgress<SlebTrialResult> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        _monitor = new ProgressMonitor(progress);
        return this;
    }

    /// <summary>Runs the experiment; <c>MLContext.CancelExecution</c> stops it as the token of <see cref="RunAsync"/> does.</summary>
    /// <inheritdoc cref="RunAsync" path="/exception|/returns"/>
    public SlebExperimentResult Run() => Run(CancellationToken.None);

    /// <summary>Runs the experiment on a thread of the pool.</summary>
    /// <param name="cancellationToken">Stops it: with trials finished the best so far is the result.</param>
    /// <returns>The best trial and all others; dispose it when its model folder is no longer needed.</returns>
    /// <exception cref="ArgumentException">The model or the calibration text is missing, or settings are out of range; the message names all of them.</exception>
    /// <exception cref="CheckpointException">The model is missing, damaged or unsupported, or the checkpoint folder belongs to another experiment.</exception>
    /// <exception cref="InvalidDataException">The evaluation text is shorter than a window.</exception>
    /// <exception cref="InvalidOperationException">Every trial failed, or a native library is missing.</exception>
    /// <exception cref="TimeoutException">The time was over before the first trial was finished.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before the first trial was finished.</exception>
    public Task<SlebExperimentResult> RunAsync(CancellationToken cancellationToken = default) => Task.Run(() => Run(cancellationToken), CancellationToken.None);

    private SlebExperimentResult Run(CancellationToken cancellationToken)
    {
        string[] faults = [.. FindFaults()];
        if (faults.Length > 0) throw new ArgumentException($"The settings of the experiment are wrong. {string.Join(" ", faults)}");
        using var cancel = _surroundings.WatchCancel(cancellationToken);
        using var searches = new PruneLog(_surroundings, _monitor is null ? null : new SearchMonitor(_monitor));
        using var log = new ExperimentLog(_surroundings, searches, _monitor);
        var scratch = _checkpoint is null ? new ScratchFolder() : null;
        try
        {
            var source = ModelSource.Find(_model, () => HubSettings.FromEnvironment(Environment.GetEnvironmentVariable, _offline), searches.Report, cancel.Token);
            var request = Request(source, _checkpoint ?? scratch!.Path, cancel.Token);
            return new(MissingNatives.Explain(() => ExperimentJob.Run(request, log.Report, cancel.Token)), scratch);
        }
        catch
        {
            scratch?.Dispose();
            throw;
        }
    }

    private ExperimentRequest Request(ModelSource source, string folder, CancellationToken cancellationToken)
    {
        var request = new ExperimentRequest
        {
            ModelFolder = source.Folder,
            ModelName = source.Name,
            Calibrations = [.. _calibrations.Select(text => new CalibrationText(text.Key, Read(text.Value.Data, text.Value.ColumnName, cancellationToken)))],
            Space = _space,
            Objective = _objective,
            Budget = _budget,
            Latency = _latency,
            Time = _seconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            MaxTrials = _most,
            Folder = folder,
        };
        return _evaluation is not { } evaluation ? request
            : request with { Evaluation = Read(evaluation.Data, evaluation.ColumnName, cancellationToken), EvaluationWindows = evaluation.Windows };
    }

    private IEnumerable<string> FindFaults()
    {
        if (_model.Length == 0) yield return "There is no model; call SetModel.";
        if (_calibrations.Count == 0) yield return "There is no calibration text; call SetCalibration.";
        foreach (string fault in _space.FindFaults(_calibrations.Keys).Concat(_budget.FindFaults()).Concat(_latency.FindFaults())) yield return fault;
    }

    private static Core.Calibration.TextSource Read(IDataView data, string columnName, CancellationToken cancellationToken) =>
        TextColumn.Read(data, columnName, Core.Calibration.TextFile.DefaultJoin, cancellationToken);

    private static void CheckColumn(IDataView data, string columnName)
    {
        ArgumentNullException.ThrowIfNull(data);
        ScoredSchema.FindText(data.Schema, columnName);
    }

    private sealed class ProgressMonitor(IProgress<SlebTrialResult> progress) : ISlebMonitor
    {
        public void ReportRunningTrial(SlebTrialSettings settings)
        {
        }

        public void ReportCompletedTrial(SlebTrialResult result) => progress.Report(result);

        public void ReportBestTrial(SlebTrialResult result)
        {
        }

        public void ReportFailTrial(SlebTrialSettings settings, Exception exception)
        {
        }
    }

    private sealed class SearchMonitor(ISlebMonitor monitor) : IProgress<Core.Search.SearchProgress>
    {
        public void Report(Core.Search.SearchProgress value) => monitor.ReportSearchProgress(value);
    }
}
