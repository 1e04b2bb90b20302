using Sleb.Core.Evaluation;
using Sleb.Core.Plan;

namespace Sleb.MLNet.Pruning;

/// <summary>The outcome of the main job; console, JSON and ML.NET are writers over it.</summary>
internal sealed record PruneResult
{
    public required BlockPlan Plan { get; init; }
    public required string PlanPath { get; init; }

    /// <summary>What the perplexities were measured on, as a name.</summary>
    public required string EvaluationText { get; init; }

    /// <summary>The dense model on the evaluation text, then what each removal left; empty where that was not asked for, or is the calibration text.</summary>
    public IReadOnlyList<NllSummary?> Measured { get; init; } = [];

    /// <summary>The checkpoint in fp32, or the folder that was given, with all its blocks.</summary>
    public required NllSummary Dense { get; init; }

    /// <summary>The same without the removed blocks.</summary>
    public required NllSummary Pruned { get; init; }

    /// <summary>The folder that was written, through ONNX Runtime GenAI; null after a plan alone.</summary>
    public NllSummary? Shipped { get; init; }

    /// <summary>The folder that was written; null after a plan alone.</summary>
    public string? Folder { get; init; }

    /// <summary>The CUDA device that the folder was written for; null is the CPU.</summary>
    public int? GpuDeviceId { get; init; }

    /// <summary>One prompt continued greedily by both models; null where none was asked for or there is no tokenizer.</summary>
    public Sample? Continuation { get; init; }

    public sealed record Sample(string Prompt, string Dense, string Pruned);
}
