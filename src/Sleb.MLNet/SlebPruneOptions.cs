using Microsoft.ML;
using Sleb.Core.Search;

namespace Sleb.MLNet;

/// <summary>Settings of <see cref="SlebCatalog.SlebPrune(TransformsCatalog, SlebPruneOptions)"/>. They are copied when the estimator is made.</summary>
public sealed class SlebPruneOptions : SlebScoringOptions
{
    /// <summary>
    /// The dense model: a Hugging Face folder with config.json, safetensors weights and tokenizer.json, or the id of a model on the
    /// Hugging Face hub: <c>org/name</c> or <c>org/name@revision</c>. A folder that exists is always the folder. A model given by its id
    /// is taken from the hub cache, where the Python tools keep it too, or else downloaded into it by <c>Fit</c>; the environment
    /// variables HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean there. Or an ONNX Runtime GenAI
    /// folder with its own weights, whoever made it: blocks are scored on it, on the CPU, and taken out of it. Required.
    /// </summary>
    /// <value>The default is empty.</value>
    public string ModelFolder { get; set; } = "";

    /// <summary>Whether to touch no network: a model given by its id must then be in the hub cache.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool Offline { get; set; }

    /// <summary>How many transformer blocks to remove. Required.</summary>
    /// <value>The default is 0, which is refused.</value>
    public int RemoveBlocks { get; set; }

    /// <summary>Tokens a calibration or evaluation window; null means 512, or the model's context where that is shorter.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public int? SequenceLength { get; set; }

    /// <summary>Calibration windows, taken from the start of the text one after the other. The search's time grows with them.</summary>
    /// <value>The default is 8.</value>
    public int Windows { get; set; } = 8;

    /// <summary>Blocks at the start of the model that are never removed.</summary>
    /// <value>The default is 1.</value>
    public int EarlyBarrier { get; set; } = 1;

    /// <summary>Blocks at the end of the model that are never removed.</summary>
    /// <value>The default is 1.</value>
    public int LateBarrier { get; set; } = 1;

    /// <summary>How much of the calibration text every candidate sees: all of it, or as much as it takes to rule it out with confidence.</summary>
    /// <value>The default is <see cref="SearchEffort.Exhaustive"/>.</value>
    public SearchEffort Effort { get; set; }

    /// <summary>What candidates are ranked by.</summary>
    /// <value>The default is <see cref="SearchMetric.Perplexity"/>.</value>
    public SearchMetric Metric { get; set; }

    /// <summary>What candidates are screened in, while float32 decides in any case; null measures which is faster on this machine.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public Arithmetic? Arithmetic { get; set; }

    /// <summary>
    /// What stands between the rows of the text column when <c>Fit</c> makes one calibration text of them. With the default, rows from
    /// <see cref="SlebCatalog.LoadSlebText"/> give the same tokens as the same file given to <c>sleb prune</c>.
    /// </summary>
    /// <value>The default is two newlines.</value>
    public string Join { get; set; } = "\n\n";

    /// <summary>
    /// The text that perplexities are measured on, in the column <see cref="SlebScoringOptions.InputColumnName"/>, joined as the
    /// calibration text is. Give this, or <see cref="EvaluationFile"/>, or neither: then it is evaluation.txt beside the model, else the
    /// calibration text.
    /// </summary>
    /// <value>The default is <see langword="null"/>.</value>
    public IDataView? EvaluationData { get; set; }

    /// <summary>A file with the text that perplexities are measured on, by the rules of <see cref="SlebCatalog.LoadSlebText"/>.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public string? EvaluationFile { get; set; }

    /// <summary>Windows of the evaluation text; 0 means all.</summary>
    /// <value>The default is 32.</value>
    public int EvaluationWindows { get; set; } = 32;

    /// <summary>
    /// Where the search keeps every loss it measured (run.jsonl) and its plan (plan.json). A second <c>Fit</c> of the same model, text
    /// and settings goes on where the first one stopped; for another search the folder is refused. Null keeps nothing.
    /// </summary>
    /// <value>The default is <see langword="null"/>.</value>
    public string? RunFolder { get; set; }

    /// <summary>
    /// Where the pruned model goes, as a folder for ONNX Runtime GenAI. Null means <c>NAME-minus-N</c> inside
    /// <see cref="RunFolder"/>, and without one a temporary folder that is deleted when the transformer is disposed or the process ends.
    /// A folder that already holds this very model is left as it is; anything else in it is an error.
    /// </summary>
    /// <value>The default is <see langword="null"/>.</value>
    public string? OutFolder { get; set; }

    /// <summary>
    /// Weights and arithmetic of the written folder: <c>fp32</c>, <c>int8</c> or <c>int4</c> for the CPU; <c>fp16</c> or <c>bf16</c> for
    /// CUDA, which it is written for where <c>Fit</c> works on a GPU. The search is the same for all.
    /// </summary>
    /// <value>The default is <see langword="null"/>: <c>fp32</c> for the CPU, <c>fp16</c> for CUDA.</value>
    public string? Precision { get; set; }

    /// <summary>Hears of every scored candidate, on the thread that scores.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public IProgress<SearchProgress>? Progress { get; set; }

    internal SlebPruneOptions Checked()
    {
        Validate(nameof(SlebCatalog.SlebPrune));
        return (SlebPruneOptions)MemberwiseClone();
    }

    private protected override IEnumerable<string> FindFaults()
    {
        if (string.IsNullOrWhiteSpace(ModelFolder)) yield return "ModelFolder is empty; give a Hugging Face model folder or hub id.";
        if (RemoveBlocks < 1) yield return $"RemoveBlocks is {RemoveBlocks}; it must be at least 1.";
        if (SequenceLength < 2) yield return $"SequenceLength is {SequenceLength}; a window needs at least 2 tokens.";
        if (Windows < 1) yield return $"Windows is {Windows}; it must be at least 1.";
        if (EarlyBarrier < 0) yield return $"EarlyBarrier is {EarlyBarrier}; it must not be negative.";
        if (LateBarrier < 0) yield return $"LateBarrier is {LateBarrier}; it must not be negative.";
        if (EvaluationWindows < 0) yield return $"EvaluationWindows is {EvaluationWindows}; it must be 0 (all) or more.";
        if (Precision is not (null or "fp32" or "fp16" or "bf16" or "int8" or "int4")) yield return $"Precision is '{Precision}'; fp32, fp16, bf16, int8 and int4 are known.";
        if (Join is null) yield return "Join is null; give the text that stands between rows, or an empty one.";
        if (EvaluationData is not null && EvaluationFile is not null) yield return "EvaluationData and EvaluationFile are both given; give one.";
        foreach (string fault in base.FindFaults()) yield return fault;
    }
}
