using System.Text.Json.Serialization;

namespace Sleb.MLNet;

/// <summary>A finished trial: a pruned model, and what was measured of the folder that was written of it, through ONNX Runtime GenAI.</summary>
public sealed record SlebTrialResult
{
    /// <summary>What was tried.</summary>
    public required SlebTrialSettings Settings { get; init; }

    /// <summary>Original indices of the removed blocks, in the order of removal.</summary>
    public required IReadOnlyList<int> RemovedBlocks { get; init; }

    /// <summary>Loss on the evaluation text, nats per token.</summary>
    public required double MeanNll { get; init; }

    /// <summary>Standard error of <see cref="MeanNll"/> over the windows; null with fewer than two.</summary>
    public double? StandardError { get; init; }

    /// <summary>Perplexity over that of the dense checkpoint, less one: 0.1 is ten percent more.</summary>
    public required double PerplexityRise { get; init; }

    /// <summary>Size of the model folder's files together.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>Time between two tokens of a text, the short prompt's included; see <see cref="SlebLatencyProtocol"/>.</summary>
    public required double MillisecondsPerToken { get; init; }

    /// <summary>Time to read the long prompt.</summary>
    public required double PromptMilliseconds { get; init; }

    /// <summary>Spread of <see cref="MillisecondsPerToken"/>: slowest run minus fastest over the median.</summary>
    public required double LatencySpread { get; init; }

    /// <summary>How long the trial took, as far as it did not build on others.</summary>
    public required double DurationInSeconds { get; init; }

    /// <summary>The model folder; null where it was deleted, since the trial was not the best.</summary>
    [JsonIgnore]
    public string? ModelFolder { get; init; }

    /// <summary>exp of <see cref="MeanNll"/>.</summary>
    [JsonIgnore]
    public double Perplexity => Math.Exp(MeanNll);
}
