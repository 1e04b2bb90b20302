using Sleb.Core.Calibration;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.Onnx;

namespace Sleb.MLNet.Pruning;

/// <summary>Everything the main job needs: what <c>sleb prune</c> and <c>SlebPruneEstimator.Fit</c> hand to <see cref="PruneJob"/>.</summary>
internal sealed record PruneRequest
{
    public required string ModelFolder { get; init; }

    /// <summary>What default folders are named after; null means the folder's own name.</summary>
    public string? ModelName { get; init; }

    public required int RemoveBlocks { get; init; }
    public required TextSource Calibration { get; init; }

    /// <summary>Tokens a window; null means min(512, the model's context).</summary>
    public int? SequenceLength { get; init; }

    public int Windows { get; init; } = 8;
    public int EarlyBarrier { get; init; } = 1;
    public int LateBarrier { get; init; } = 1;
    public SearchMetric Metric { get; init; }
    public SearchEffort Effort { get; init; }

    /// <summary>What candidates are screened in; null means what a run folder says, else what a short measurement shows to be faster.</summary>
    public Arithmetic? Arithmetic { get; init; }

    /// <summary>Null means evaluation.txt beside the model, else the calibration text.</summary>
    public TextSource? Evaluation { get; init; }

    /// <summary>Windows of the evaluation text; 0 means all.</summary>
    public int EvaluationWindows { get; init; } = 32;

    /// <summary>Whether every removal is measured on the evaluation text, where that is not the calibration text: one more pass of it each.</summary>
    public bool EvaluateEach { get; init; }

    /// <summary>Null means runs/NAME-HASH8 under the current directory.</summary>
    public string? RunFolder { get; init; }

    /// <summary>Where the ONNX folder goes; null means out/NAME-minus-N under the current directory.</summary>
    public string? OutFolder { get; init; }

    /// <summary>Stop after the plan: no folder is written.</summary>
    public bool PlanOnly { get; init; }

    /// <summary><c>cpu</c> or <c>cuda</c>; null is where the search runs.</summary>
    public string? Target { get; init; }

    /// <summary>Of the folder; null is fp32 for the CPU and fp16 for CUDA.</summary>
    public string? Precision { get; init; }

    public OnnxForm Form { get; init; } = new();
    public bool Overwrite { get; init; }

    /// <summary>Bytes that may be resident in the process at any time; null is no cap. Under a cap the model is streamed, on the CPU.</summary>
    public long? Memory { get; init; }

    /// <summary>CUDA device for the search and a folder for CUDA; null is the CPU.</summary>
    public int? GpuDeviceId { get; init; }

    public bool FallbackToCpu { get; init; }

    /// <summary>New tokens of the dense and the pruned model's sample continuation; 0 for none.</summary>
    public int SampleTokens { get; init; }

    /// <summary>Where the folder is to run, and in what.</summary>
    /// <param name="gpuDeviceId">The device that searches; null is the CPU.</param>
    public (string Target, string Precision) FolderFor(int? gpuDeviceId)
    {
        string target = Target ?? (gpuDeviceId is null ? "cpu" : "cuda");
        return (target, Precision ?? (target == "cuda" ? "fp16" : "fp32"));
    }

    /// <summary>What the search belongs to, but for its arithmetic.</summary>
    public SearchIdentity Identity(string modelFingerprint, string family, int blocks, IReadOnlyList<int[]> calibration, int sequenceLength) => new()
    {
        ModelFingerprint = modelFingerprint,
        Family = family,
        Blocks = blocks,
        CalibrationFingerprint = TokenWindows.Fingerprint(calibration),
        Windows = calibration.Count,
        SequenceLength = sequenceLength,
        EarlyBarrier = EarlyBarrier,
        LateBarrier = LateBarrier,
        Metric = Metric,
        Effort = Effort,
    };
}
