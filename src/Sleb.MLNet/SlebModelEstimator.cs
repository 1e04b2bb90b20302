using Microsoft.ML;
using Sleb.Core.Checkpoints;
using Sleb.MLNet.Folders;
using Sleb.MLNet.Internals;
using Sleb.MLNet.Persistence;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet;

/// <summary>Completes and scores a text column with a model folder; see <see cref="SlebCatalog.ApplySlebModel(TransformsCatalog, ApplySlebModelOptions)"/>.</summary>
public sealed class SlebModelEstimator : IEstimator<SlebModelTransformer>
{
    private readonly TransformsCatalog _catalog;
    private readonly Surroundings _surroundings;
    private readonly ApplySlebModelOptions _options;

    /// <summary>Makes the estimator with the public parts of ML.NET alone.</summary>
    /// <param name="context">Where log lines go and the GPU is taken from.</param>
    /// <param name="options">The settings; they are copied.</param>
    /// <exception cref="ArgumentException">Settings are missing or out of range; the message names all of them.</exception>
    public SlebModelEstimator(MLContext context, ApplySlebModelOptions options)
        : this(new Surroundings(context), context.Transforms, options)
    {
    }

    internal SlebModelEstimator(TransformsCatalog catalog, ApplySlebModelOptions options)
        : this(new Surroundings(catalog), catalog, options)
    {
    }

    private SlebModelEstimator(Surroundings surroundings, TransformsCatalog catalog, ApplySlebModelOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_surroundings, _catalog, _options) = (surroundings, catalog, options.Checked());
    }

    /// <summary>Checks the data's columns and loads the model; no row is read.</summary>
    /// <param name="input">Data with the text column.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    /// <exception cref="CheckpointException">The model folder is missing or damaged.</exception>
    /// <exception cref="InvalidOperationException">The GPU is asked for and not there, or a native library is missing.</exception>
    public SlebModelTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var settings = _options.ToSettings();
        ScoredSchema.FindText(input.Schema, settings.InputColumnName);
        var transformer = new SlebModelTransformer(
            _catalog, _surroundings, settings, new ModelPlace(_options.ModelFolder), _options.GpuDeviceId ?? _surroundings.GpuDeviceId, _options.CancellationToken);
        try
        {
            transformer.LoadModel();
            return transformer;
        }
        catch
        {
            transformer.Dispose();
            throw;
        }
    }

    /// <summary>The columns after the transform, for checking a pipeline before anything runs.</summary>
    /// <param name="inputSchema">The columns before it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => SchemaShapes.AfterScoring(_catalog, inputSchema, _options.ToSettings());
}
