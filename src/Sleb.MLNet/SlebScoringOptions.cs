using Microsoft.ML;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet;

/// <summary>What <see cref="SlebPruneOptions"/> and <see cref="ApplySlebModelOptions"/> share: the columns, and how rows are completed and scored.</summary>
public abstract class SlebScoringOptions
{
    private protected SlebScoringOptions()
    {
    }

    /// <summary>The text column that is read: a scalar of ML.NET's text type.</summary>
    /// <value>The default is <c>Text</c>.</value>
    public string InputColumnName { get; set; } = "Text";

    /// <summary>The new text column: what the model writes after each row's text, without that text. Null or empty leaves the column out.</summary>
    /// <value>The default is <c>Completion</c>.</value>
    public string? OutputColumnName { get; set; } = "Completion";

    /// <summary>
    /// The new <see cref="float"/> column: the mean negative log-likelihood of each row's own text, in nats per token. It is NaN for a
    /// text of fewer than two tokens. A text longer than the model's context is scored in windows of that length that do not overlap.
    /// Null or empty leaves the column out.
    /// </summary>
    /// <value>The default is <c>NegativeLogLikelihood</c>.</value>
    public string? ScoreColumnName { get; set; } = "NegativeLogLikelihood";

    /// <summary>The longest completion, in tokens; it ends earlier at the model's end-of-sequence token.</summary>
    /// <value>The default is 64.</value>
    public int MaxNewTokens { get; set; } = 64;

    /// <summary>Whether tokens are drawn at random; otherwise the most likely one is taken (greedy), and completions are reproducible.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool Sample { get; set; }

    /// <summary>Divides the logits before tokens are drawn: below 1 sharper, above 1 flatter. Used only with <see cref="Sample"/>.</summary>
    /// <value>The default is 1.</value>
    public float Temperature { get; set; } = 1;

    /// <summary>Draws among this many most likely tokens; 0 means all. Used only with <see cref="Sample"/>.</summary>
    /// <value>The default is 0.</value>
    public int TopK { get; set; }

    /// <summary>Draws among the most likely tokens whose probabilities sum to this, in (0, 1]. Used only with <see cref="Sample"/>.</summary>
    /// <value>The default is 1.</value>
    public float TopP { get; set; } = 1;

    /// <summary>
    /// Starts the random numbers of <see cref="Sample"/>, for every row anew; null draws a seed. With a seed a text always gets the same
    /// completion, whatever rows stand beside it.
    /// </summary>
    /// <value>The default is <see langword="null"/>.</value>
    public int? SamplingSeed { get; set; }

    /// <summary>
    /// Whether each row's text is put into the chat template of the model's tokenizer_config.json, as one user message, before it is
    /// completed. The score is of the text alone either way.
    /// </summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool UseChatTemplate { get; set; }

    /// <summary>
    /// The most rows that are completed together; 1 completes row by row. More is faster and takes more memory; the rows' order and their
    /// completions stay the same (at accuracy level 4 of int8 and int4 folders, a completion may depend on its neighbours). Rows with <see cref="Sample"/>, a prediction engine, and a pipeline that was loaded from a file go row
    /// by row.
    /// </summary>
    /// <value>The default is 8.</value>
    public int BatchSize { get; set; } = 8;

    /// <summary>
    /// The rows a cursor reads ahead, so that those with completions of about the same length can be put together; at least
    /// <see cref="BatchSize"/> are. Only batches with a row whose completion is read are computed.
    /// </summary>
    /// <value>The default is 64.</value>
    public int LookAhead { get; set; } = 64;

    /// <summary>The CUDA device to work on; null takes <see cref="MLContext.GpuDeviceId"/>, and where that is null too, the CPU.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public int? GpuDeviceId { get; set; }

    /// <summary>Whether to work on the CPU, with a warning, where the GPU is asked for and not there; otherwise that is an error.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool FallbackToCpu { get; set; }

    /// <summary>
    /// Cancels <c>Fit</c> of <see cref="SlebPruneOptions"/>, or the cursors of <see cref="ApplySlebModelOptions"/>.
    /// <c>MLContext.CancelExecution</c> cancels both.
    /// </summary>
    /// <value>The default is <see cref="CancellationToken.None"/>.</value>
    public CancellationToken CancellationToken { get; set; }

    internal ScoringSettings ToSettings() => new()
    {
        InputColumnName = InputColumnName,
        OutputColumnName = string.IsNullOrEmpty(OutputColumnName) ? null : OutputColumnName,
        ScoreColumnName = string.IsNullOrEmpty(ScoreColumnName) ? null : ScoreColumnName,
        MaxNewTokens = MaxNewTokens,
        Sample = Sample,
        Temperature = Temperature,
        TopK = TopK,
        TopP = TopP,
        SamplingSeed = SamplingSeed,
        UseChatTemplate = UseChatTemplate,
        BatchSize = BatchSize,
        LookAhead = LookAhead,
        GpuDeviceId = GpuDeviceId,
        FallbackToCpu = FallbackToCpu,
    };

    /// <summary>Every fault of these settings, a sentence each.</summary>
    private protected virtual IEnumerable<string> FindFaults()
    {
        if (string.IsNullOrEmpty(InputColumnName)) yield return "InputColumnName is empty; name the text column to read.";
        if (string.IsNullOrEmpty(OutputColumnName) && string.IsNullOrEmpty(ScoreColumnName))
            yield return "OutputColumnName and ScoreColumnName are both empty; name at least one column to add.";
        if (!string.IsNullOrEmpty(OutputColumnName) && OutputColumnName == ScoreColumnName)
            yield return $"OutputColumnName and ScoreColumnName are both '{OutputColumnName}'; give them different names.";
        if (MaxNewTokens < 1) yield return $"MaxNewTokens is {MaxNewTokens}; it must be at least 1.";
        if (BatchSize < 1) yield return $"BatchSize is {BatchSize}; it must be at least 1.";
        if (LookAhead < 1) yield return $"LookAhead is {LookAhead}; it must be at least 1.";
        if (!(Temperature > 0) || !float.IsFinite(Temperature)) yield return $"Temperature is {Temperature}; it must be above 0.";
        if (TopK < 0) yield return $"TopK is {TopK}; it must be 0 (all tokens) or more.";
        if (!(TopP > 0 && TopP <= 1)) yield return $"TopP is {TopP}; it must be above 0 and at most 1.";
        if (GpuDeviceId < 0) yield return $"GpuDeviceId is {GpuDeviceId}; device numbers start at 0.";
    }

    private protected void Validate(string subject)
    {
        string[] faults = [.. FindFaults()];
        if (faults.Length > 0) throw new ArgumentException($"The settings of {subject} are wrong. {string.Join(" ", faults)}");
    }
}
