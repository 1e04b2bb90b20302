using Sleb.MLNet;

namespace Sleb.Cli.Experiments;

/// <summary>What a session file says. Paths are relative to the file.</summary>
internal sealed record SessionSettings
{
    public const string CurrentFormat = "sleb-experiment/1";

    /// <summary>Name and version of the file format.</summary>
    public string Format { get; init; } = CurrentFormat;

    /// <summary>A Hugging Face folder or hub id.</summary>
    public string Model { get; init; } = "";

    /// <summary>Empty means calibration.txt beside the model.</summary>
    public IReadOnlyList<string> Calibration { get; init; } = [];

    /// <summary>Null means evaluation.txt beside the model, else the first calibration text.</summary>
    public string? Evaluation { get; init; }

    public int EvaluationWindows { get; init; } = 32;

    public SlebSearchSpace Space { get; init; } = new();

    public SlebObjective? Objective { get; init; }

    public SlebBudget Budget { get; init; } = new();

    public SlebLatencyProtocol Latency { get; init; } = new();

    public double? TrainingTimeInSeconds { get; init; }

    public int? MaxModelToExplore { get; init; }

    /// <summary>Null means experiments/NAME beside the file.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>Null means out/NAME-best beside the file.</summary>
    public string? Out { get; init; }
}
