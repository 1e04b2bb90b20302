using Sleb.Core.Calibration;

namespace Sleb.MLNet.Experiments;

/// <summary>Everything an experiment needs: what <c>sleb experiment</c> and <see cref="SlebExperiment"/> hand to <see cref="ExperimentJob"/>.</summary>
internal sealed record ExperimentRequest
{
    public required string ModelFolder { get; init; }

    /// <summary>What folders are named after.</summary>
    public required string ModelName { get; init; }

    public required IReadOnlyList<CalibrationText> Calibrations { get; init; }

    /// <summary>Null means evaluation.txt beside the model, else the first calibration text.</summary>
    public TextSource? Evaluation { get; init; }

    /// <summary>Windows of the evaluation text; 0 means all.</summary>
    public int EvaluationWindows { get; init; } = 32;

    public required SlebSearchSpace Space { get; init; }

    public SlebObjective? Objective { get; init; }

    public SlebBudget Budget { get; init; } = new();

    public SlebLatencyProtocol Latency { get; init; } = new();

    /// <summary>Null means no limit.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>Null means all of them.</summary>
    public int? MaxTrials { get; init; }

    /// <summary>Keeps finished trials, searches and the best model's folder.</summary>
    public required string Folder { get; init; }
}
