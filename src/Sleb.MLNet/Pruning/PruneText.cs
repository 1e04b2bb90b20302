using Sleb.Core.Calibration;
using Sleb.Core.Tokenization;

namespace Sleb.MLNet.Pruning;

/// <summary>The windows of ids that a run decides and evaluates on.</summary>
internal sealed record PruneText
{
    private const string EvaluationFile = "evaluation.txt";

    private const int SamplePromptTokens = 12;

    public required IReadOnlyList<int[]> Calibration { get; init; }

    /// <summary>Tokens a calibration window.</summary>
    public required int SequenceLength { get; init; }

    public required IReadOnlyList<int[]> Evaluation { get; init; }

    /// <summary>What the evaluation windows come from.</summary>
    public required string EvaluationName { get; init; }

    /// <summary>It is another text than the one that decides.</summary>
    public required bool IsHeldOut { get; init; }

    /// <summary>Null where the model folder has none (texts are then given as ids).</summary>
    public required HuggingFaceTokenizer? Tokenizer { get; init; }

    /// <summary>What both models continue for a look at their text.</summary>
    public int[] SamplePrompt => Evaluation[0][..Math.Min(SamplePromptTokens, Evaluation[0].Length)];

    public static PruneText Read(string folder, int contextLength, int vocabulary, PruneRequest request, Action<string> warn)
    {
        var tokenizer = HuggingFaceTokenizer.Exists(folder) ? HuggingFaceTokenizer.Load(folder) : null;
        int length = TokenWindows.Length(request.SequenceLength, contextLength);
        var evaluation = request.Evaluation ?? EvaluationBeside(folder) ?? request.Calibration;
        return new PruneText
        {
            Calibration = Cut(request.Calibration, request.Windows),
            SequenceLength = length,
            Evaluation = Cut(evaluation, request.EvaluationWindows == 0 ? null : request.EvaluationWindows),
            EvaluationName = evaluation.Name,
            IsHeldOut = !ReferenceEquals(evaluation, request.Calibration),
            Tokenizer = tokenizer,
        };

        IReadOnlyList<int[]> Cut(TextSource source, int? count)
        {
            // Loading again where there is none throws the sentence that says so.
            var windows = TokenWindows.Cut(source, () => tokenizer ?? HuggingFaceTokenizer.Load(folder), length, count, contextLength, vocabulary);
            if (ReferenceEquals(source, request.Calibration) && windows.Count < count)
                warn(FormattableString.Invariant($"{source.Name} holds {windows.Count} windows of {length} tokens, fewer than the {count} asked for."));
            return windows;
        }
    }

    /// <summary>evaluation.txt beside a model, or null.</summary>
    public static TextSource? EvaluationBeside(string folder)
    {
        string path = Path.Combine(folder, EvaluationFile);
        return File.Exists(path) ? TextFile.Read(path) : null;
    }
}
