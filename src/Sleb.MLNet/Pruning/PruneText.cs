using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.MLNet.Pruning;

/// <summary>The windows of ids that a run decides and evaluates on.</summary>
internal sealed record PruneText
{
    private const string EvaluationFile = "evaluation.txt";

    public required IReadOnlyList<int[]> Calibration { get; init; }

    /// <summary>Tokens a calibration window.</summary>
    public required int SequenceLength { get; init; }

    public required IReadOnlyList<int[]> Evaluation { get; init; }

    /// <summary>What the evaluation windows come from.</summary>
    public required string EvaluationName { get; init; }

    /// <summary>Null where the model folder has none (texts are then given as ids).</summary>
    public required HuggingFaceTokenizer? Tokenizer { get; init; }

    public static PruneText Read(Checkpoint checkpoint, PruneRequest request, Action<string> warn)
    {
        var config = checkpoint.Config;
        var tokenizer = HuggingFaceTokenizer.Exists(checkpoint.Folder) ? HuggingFaceTokenizer.Load(checkpoint.Folder) : null;
        int length = TokenWindows.Length(request.SequenceLength, config.MaxPositionEmbeddings);
        var evaluation = request.Evaluation ?? EvaluationBeside(checkpoint) ?? request.Calibration;
        return new PruneText
        {
            Calibration = Cut(request.Calibration, request.Windows),
            SequenceLength = length,
            Evaluation = Cut(evaluation, request.EvaluationWindows == 0 ? null : request.EvaluationWindows),
            EvaluationName = evaluation.Name,
            Tokenizer = tokenizer,
        };

        IReadOnlyList<int[]> Cut(TextSource source, int? count)
        {
            // Loading again where there is none throws the sentence that says so.
            var windows = TokenWindows.Cut(source, () => tokenizer ?? HuggingFaceTokenizer.Load(checkpoint.Folder), length, count, config.MaxPositionEmbeddings, config.VocabSize);
            if (ReferenceEquals(source, request.Calibration) && windows.Count < count)
                warn(FormattableString.Invariant($"{source.Name} holds {windows.Count} windows of {length} tokens, fewer than the {count} asked for."));
            return windows;
        }
    }

    private static TextSource? EvaluationBeside(Checkpoint checkpoint)
    {
        string path = Path.Combine(checkpoint.Folder, EvaluationFile);
        return File.Exists(path) ? TextFile.Read(path) : null;
    }
}
