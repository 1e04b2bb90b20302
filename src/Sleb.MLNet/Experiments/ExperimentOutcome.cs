using Sleb.Core.Evaluation;

namespace Sleb.MLNet.Experiments;

/// <summary>What came of an experiment; console, JSON and ML.NET are writers over it.</summary>
/// <param name="Trials">The finished ones, by their numbers.</param>
/// <param name="Failed">The others that were begun.</param>
/// <param name="Dense">The dense checkpoint on the evaluation text, in fp32.</param>
/// <param name="Whole">False where time or a cancel ended it.</param>
internal sealed record ExperimentOutcome(
    IReadOnlyList<SlebTrialResult> Trials, IReadOnlyList<SlebFailedTrial> Failed, TrialChoice Choice, NllSummary Dense, bool Whole)
{
    /// <summary>The trials within the budget, the best first.</summary>
    public IReadOnlyList<SlebTrialResult> Ranked { get; } = Choice.Rank(Trials);

    /// <summary>Null where no trial keeps to the budget.</summary>
    public SlebTrialResult? Best => Ranked.FirstOrDefault();
}
