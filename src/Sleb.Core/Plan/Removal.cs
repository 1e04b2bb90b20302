namespace Sleb.Core.Plan;

/// <summary>One decision of the search: the block removed, and how close it was.</summary>
public sealed record Removal
{
    /// <summary>What was removed; today always <c>block</c>.</summary>
    public string Unit { get; init; } = "block";

    /// <summary>Original index of the removed block.</summary>
    public required int Block { get; init; }

    /// <summary>Loss of the model without it and those removed before, nats per token; null where the metric does not measure it.</summary>
    public required double? MeanNll { get; init; }

    /// <summary>The second-best candidate; null where it was the only one.</summary>
    public required int? RunnerUp { get; init; }

    /// <summary>The runner-up's score minus this one's, in nats per token where the metric is a loss; over the windows that both were measured on.</summary>
    public required double? Margin { get; init; }

    /// <summary>Standard error of <see cref="Margin"/> over the calibration windows (paired); null with fewer than two windows.</summary>
    public required double? MarginStandardError { get; init; }

    /// <summary>Every candidate of the round, ascending by block.</summary>
    public required IReadOnlyList<CandidateScore> Candidates { get; init; }

    /// <summary>Whether the margin is within its standard error: other calibration text may well choose the runner-up.</summary>
    public bool IsNearTie => Margin < MarginStandardError;
}
