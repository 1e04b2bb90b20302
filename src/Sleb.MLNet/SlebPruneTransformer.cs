using Microsoft.ML;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.MLNet.Folders;
using Sleb.MLNet.Internals;
using Sleb.MLNet.Pruning;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet;

/// <summary>A pruned language model as an ML.NET transformer, with what the search found.</summary>
public sealed class SlebPruneTransformer : SlebModelTransformer
{
    internal SlebPruneTransformer(
        TransformsCatalog catalog, Surroundings surroundings, ScoringSettings settings, ModelPlace place, int? gpuDeviceId, PruneResult result)
        : base(catalog, surroundings, settings, place, gpuDeviceId, CancellationToken.None)
    {
        (Plan, Dense, Pruned, Shipped) = (result.Plan, result.Dense, result.Pruned, result.Shipped!);
    }

    /// <summary>Which blocks went, in which order, with each candidate's loss and how close each decision was.</summary>
    public BlockPlan Plan { get; }

    /// <summary>Loss and perplexity of the dense checkpoint on the evaluation text, in fp32.</summary>
    public NllSummary Dense { get; }

    /// <summary>The same of the checkpoint without the removed blocks.</summary>
    public NllSummary Pruned { get; }

    /// <summary>The same of the model folder that was written, through ONNX Runtime GenAI.</summary>
    public NllSummary Shipped { get; }
}
