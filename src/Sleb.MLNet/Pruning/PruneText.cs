using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.MLNet.Pruning;

/// <summary>The windows of ids that a run decides and evaluates on.</summary>
internal sealed record PruneText
{
    private const string EvaluationFile = "evaluation.txt";

    public required IReadOnlyList<int[]> Calibration { get; init; }
    public required string CalibrationFingerprint { get; init; }
    public required int SequenceLength { get; init; }
    public required IReadOnlyList<int[]> Evaluation { get; init; }

    /// <summary>What the evaluation windows come from.</summary>
    public required string EvaluationName { get; init; }

    /// <summary>Null where every text is given as ids and the model has no tokenizer.</summary>
    public required HuggingFaceTokenizer? Tokenizer { get; init; }
}
