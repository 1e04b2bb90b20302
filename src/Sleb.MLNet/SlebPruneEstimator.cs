using Microsoft.ML;
using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;
using Sleb.MLNet.Data;
using Sleb.MLNet.Folders;
using Sleb.MLNet.Internals;
using Sleb.MLNet.Persistence;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet;

/// <summary>Prunes a language model by SLEB; see <see cref="SlebCatalog.SlebPrune(TransformsCatalog, SlebPruneOptions)"/>.</summary>
public sealed class SlebPruneEstimator : IEstimator<SlebPruneTransformer>
{
    private readonly TransformsCatalog _catalog;
    private readonly Surroundings _surroundings;
    private readonly SlebPruneOptions _options;

    /// <summary>Makes the estimator with the public parts of ML.NET alone.</summary>
    /// <param name="context">Where log lines go and the GPU is taken from.</param>
    /// <param name="options">The settings; they are copied.</param>
    /// <exception cref="ArgumentException">Settings are missing or out of range; the message names all of them.</exception>
    public SlebPruneEstimator(MLContext context, SlebPruneOptions options)
        : this(new Surroundings(context), context.Transforms, options)
    {
    }

    internal SlebPruneEstimator(TransformsCatalog catalog, SlebPruneOptions options)
        : this(new Surroundings(catalog), catalog, options)
    {
    }

    private SlebPruneEstimator(Surroundings surroundings, TransformsCatalog catalog, SlebPruneOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_surroundings, _catalog, _options) = (surroundings, catalog, options.Checked());
    }

    /// <summary>
    /// Searches the blocks to remove with the text column as calibration text, measures the model before and after, and writes the pruned
    /// model. <c>MLContext.Log</c> gets a line for every decided block (Info), every candidate (Trace) and near-ties (Warning).
    /// </summary>
    /// <param name="input">Data with the text column; its rows make one text, see <see cref="SlebPruneOptions.Join"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type, or more blocks are to be removed than the barriers leave.</exception>
    /// <exception cref="ArgumentException">The text is shorter than a window, or the window longer than the model's context.</exception>
    /// <exception cref="CheckpointException">The model is missing, damaged or unsupported, or the run folder belongs to another search.</exception>
    /// <exception cref="InvalidOperationException">The GPU is asked for and not there, a native library is missing, or losses are not finite.</exception>
    /// <exception cref="IOException">The output folder holds something else, the hub cannot be reached, or the disk is full.</exception>
    /// <exception cref="OperationCanceledException">The token or <c>MLContext.CancelExecution</c> cancelled.</exception>
    public SlebPruneTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var settings = _options.ToSettings();
        ScoredSchema.FindText(input.Schema, settings.InputColumnName);
        if (_options.EvaluationData is { } evaluation) ScoredSchema.FindText(evaluation.Schema, settings.InputColumnName);

        using var cancel = _surroundings.WatchCancel(_options.CancellationToken);
        using var log = new PruneLog(_surroundings, _options.Progress);
        var scratch = _options.RunFolder is null ? new ScratchFolder() : null;
        try
        {
            var source = ModelSource.Find(
                _options.ModelFolder, () => HubSettings.FromEnvironment(Environment.GetEnvironmentVariable, _options.Offline), log.Report, cancel.Token);
            var result = MissingNatives.Explain(() => PruneJob.Run(Request(source, input, scratch, cancel.Token), log.Report, cancel.Token));
            var place = new ModelPlace(result.Folder!, _options.OutFolder is null ? scratch : null);
            if (_options.OutFolder is not null) scratch?.Dispose();
            if (result.Shipped is null) throw new InvalidOperationException($"{result.Folder} was written for CUDA, but cannot score here: there is no CUDA, and the CPU lacks kernels for its precision. Leave Precision out.");
            return new SlebPruneTransformer(_catalog, _surroundings, settings with { GpuDeviceId = result.GpuDeviceId }, place, result.GpuDeviceId, result);
        }
        catch
        {
            scratch?.Dispose();
            throw;
        }
    }

    /// <summary>The columns after the transform, for checking a pipeline before anything runs.</summary>
    /// <param name="inputSchema">The columns before it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => SchemaShapes.AfterScoring(_catalog, inputSchema, _options.ToSettings());

    private PruneRequest Request(ModelSource source, IDataView input, ScratchFolder? scratch, CancellationToken cancellationToken)
    {
        string run = _options.RunFolder ?? Path.Combine(scratch!.Path, "run");
        return new()
        {
            ModelFolder = source.Folder,
            ModelName = source.Name,
            RemoveBlocks = _options.RemoveBlocks,
            Calibration = Text(input, cancellationToken),
            SequenceLength = _options.SequenceLength,
            Windows = _options.Windows,
            EarlyBarrier = _options.EarlyBarrier,
            LateBarrier = _options.LateBarrier,
            Effort = _options.Effort,
            Metric = _options.Metric,
            Arithmetic = _options.Arithmetic,
            Evaluation = _options.EvaluationData is { } data ? Text(data, cancellationToken)
                : _options.EvaluationFile is { } file ? TextFile.Read(file, _options.Join)
                : null,
            EvaluationWindows = _options.EvaluationWindows,
            Precision = _options.Precision,
            RunFolder = run,
            OutFolder = _options.OutFolder ?? Path.Combine(scratch?.Path ?? run, FormattableString.Invariant($"{source.Name}-minus-{_options.RemoveBlocks}")),
            GpuDeviceId = _options.GpuDeviceId ?? _surroundings.GpuDeviceId,
            FallbackToCpu = _options.FallbackToCpu,
        };
    }

    private TextSource Text(IDataView data, CancellationToken cancellationToken) =>
        TextColumn.Read(data, _options.InputColumnName, _options.Join, cancellationToken);
}
