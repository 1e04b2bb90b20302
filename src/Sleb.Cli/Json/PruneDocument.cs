using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.MLNet.Pruning;

namespace Sleb.Cli.Json;

/// <summary>The outcome of <c>sleb prune</c>.</summary>
internal sealed record PruneDocument
{
    public required int Blocks { get; init; }
    public required IReadOnlyList<int> RemovedBlocks { get; init; }
    public required IReadOnlyList<int> Survivors { get; init; }
    public required IReadOnlyList<Round> Rounds { get; init; }
    public required IReadOnlyList<double>? BlockInfluence { get; init; }
    public required string EvaluationText { get; init; }
    public required MeasuredDocument? Dense { get; init; }
    public required MeasuredDocument? Pruned { get; init; }
    public required MeasuredDocument? Shipped { get; init; }
    public required string Plan { get; init; }
    public required string? Folder { get; init; }

    public static PruneDocument Of(PruneResult result) => new()
    {
        Blocks = result.Plan.Search.Blocks,
        RemovedBlocks = result.Plan.RemovedBlocks,
        Survivors = result.Plan.Survivors,
        Rounds = [.. result.Plan.Removals.Select((removal, i) => Round.Of(i + 1, removal, result.Measured.ElementAtOrDefault(i + 1)))],
        BlockInfluence = result.Plan.BlockInfluence,
        EvaluationText = result.EvaluationText,
        Dense = MeasuredDocument.Of(result.Dense),
        Pruned = MeasuredDocument.Of(result.Pruned),
        Shipped = MeasuredDocument.Of(result.Shipped),
        Plan = Path.GetFullPath(result.PlanPath),
        Folder = result.Folder is null ? null : Path.GetFullPath(result.Folder),
    };

    /// <summary>One decision, with everything that was considered.</summary>
    /// <param name="Evaluation">What was left then, on an evaluation text that is not the calibration text; absent where that was not measured.</param>
    internal sealed record Round(
        [property: System.Text.Json.Serialization.JsonPropertyName("round")] int Number,
        int Removed, double? MeanNll, int? RunnerUp, double? Margin, double? MarginStandardError, IReadOnlyList<CandidateScore> Candidates,
        [property: System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)] MeasuredDocument? Evaluation)
    {
        public static Round Of(int number, Removal removal, NllSummary? evaluation) => new(
            number, removal.Block, removal.MeanNll, removal.RunnerUp, removal.Margin, removal.MarginStandardError, removal.Candidates, MeasuredDocument.Of(evaluation));
    }
}
