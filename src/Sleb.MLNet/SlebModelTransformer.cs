using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Sleb.MLNet.Folders;
using Sleb.MLNet.Internals;
using Sleb.MLNet.Persistence;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet;

/// <summary>Adds what a language model writes after each row's text, and the mean negative log-likelihood of that text in nats per token.</summary>
/// <remarks>
/// Lazy: a row is completed or scored when a cursor stands on it and the column is read. Saved with <c>mlContext.Model.Save</c> it is loaded by plain
/// <c>mlContext.Model.Load</c>, in any process that references Sleb.MLNet. The file refers to the model folder and does not contain
/// it: on load the folder is looked for by its name under the environment variable SLEB_MODEL_ROOT, beside the application, in the current
/// directory, and then where it was. It may be used from several threads.
/// </remarks>
public class SlebModelTransformer : ITransformer, IDisposable
{
    private readonly TransformsCatalog _catalog;
    private readonly Surroundings _surroundings;
    private readonly ScoringSettings _settings;
    private readonly ModelPlace _place;
    private readonly int? _gpuDeviceId;
    private readonly RowScorer _scorer;
    private readonly Lock _gate = new();
    private ModelLease? _lease;
    private bool _disposed;

    internal SlebModelTransformer(
        TransformsCatalog catalog, Surroundings surroundings, ScoringSettings settings, ModelPlace place, int? gpuDeviceId, CancellationToken token)
    {
        (_catalog, _surroundings, _settings, _place, _gpuDeviceId) = (catalog, surroundings, settings, place, gpuDeviceId);
        _scorer = new RowScorer(Acquire, settings, surroundings, token);
    }

    /// <summary>The model folder: the last copy that <see cref="SaveModelFolder"/> made, else where the model was read from.</summary>
    public string ModelFolder => _place.Copy ?? _place.Folder;

    /// <summary>Always true: each row is mapped by itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <summary>Copies the model folder: an ONNX Runtime GenAI folder with model.onnx, its data, genai_config.json and tokenizer files.</summary>
    /// <param name="path">Where to; a pipeline saved from then on refers to it.</param>
    /// <param name="overwrite">Whether to replace what is there.</param>
    /// <exception cref="ArgumentException">The target holds the model folder itself.</exception>
    /// <exception cref="IOException">The target is not empty and <paramref name="overwrite"/> is false, or it cannot be written.</exception>
    public void SaveModelFolder(string path, bool overwrite = false)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _place.CopyTo(path, overwrite);
    }

    /// <summary>The columns after the transform: all of the input's, then the completion, then the score.</summary>
    /// <param name="inputSchema">The columns before it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new ScoredSchema(inputSchema, _settings).Output;
    }

    /// <summary>The data with the new columns. Nothing is computed before a cursor asks for it.</summary>
    /// <param name="input">Data with the text column.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new ScoredView(input, new ScoredSchema(input.Schema, _settings), _scorer);
    }

    /// <summary>The row-by-row form, which prediction engines use.</summary>
    /// <param name="inputSchema">The columns of the rows to come.</param>
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new ScoredMapper(new ScoredSchema(inputSchema, _settings), _scorer);
    }

    /// <summary>Releases the model, unless another transformer of this process uses it, and deletes a temporary model folder. May be called twice.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            _lease?.Dispose();
            _lease = null;
        }
        _place.Discard();
        GC.SuppressFinalize(this);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        ArgumentNullException.ThrowIfNull(ctx);
        ObjectDisposedException.ThrowIf(_disposed, this);
        string folder = _place.Lasting ?? throw new InvalidOperationException(
            $"The pruned model lies in the temporary folder {_place.Folder}, which goes with this transformer, so a saved pipeline would find nothing: call SaveModelFolder first, or set RunFolder or OutFolder.");
        var saved = new SavedModel { Folder = folder, Name = Path.GetFileName(folder), Fingerprint = _place.Fingerprint, Settings = _settings };
        ((ICanSaveModel)SavedChain.Create(_catalog, saved)).Save(ctx);
    }

    /// <summary>Loads the model where that has not happened yet.</summary>
    internal void LoadModel() => Acquire().Dispose();

    // The transformer keeps one lease, so that the model stays loaded between cursors; each call takes another, so that disposing
    // the transformer does not pull the model away from under it.
    private ModelLease Acquire()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _lease ??= Load();
            return Load();
        }
    }

    private ModelLease Load() => ModelFolders.Acquire(_place.Folder, _place.Fingerprint, _gpuDeviceId, _settings.FallbackToCpu, Warn);

    private void Warn(string message)
    {
        using var channel = _surroundings.StartChannel("SlebModel");
        channel.Warning(MessageSensitivity.None, message);
    }
}
