using System.Text.RegularExpressions;
using Sleb.Core.Plan;
using Sleb.MLNet.Pruning;
using Sleb.Onnx;

namespace Sleb.MLNet.Reporting;

/// <summary>The calls that lead to a result again: every setting spelled out, names in place of paths.</summary>
internal static partial class CommandText
{
    private const string Out = " --out DIR"; // the reader's choice

    public static string Search(BlockPlan plan, string model = "MODEL", string calibration = "FILE")
    {
        var search = plan.Search;
        return FormattableString.Invariant(
            $"sleb prune {Word(model)} --calibration {Word(calibration)} --remove {plan.Removals.Count} --windows {search.Windows} --sequence-length {search.SequenceLength} --early-barrier {search.EarlyBarrier} --late-barrier {search.LateBarrier} --metric {Figures.Name(search.Metric)} --effort {Figures.Name(search.Effort)} --arithmetic {Figures.Name(search.Arithmetic)}");
    }

    /// <summary>The whole job: search, evaluation and folder.</summary>
    /// <param name="form">From <see cref="Form"/>; empty for a folder that is cut, whose form is no choice.</param>
    public static string Prune(BlockPlan plan, string model, PruneRequest request, string evaluation, string form) =>
        Search(plan, model, FileName(request.Calibration.Name)) + Evaluation(FileName(evaluation), request.EvaluationWindows, request.EvaluateEach) + form + Out;

    /// <summary>What the perplexities are measured on.</summary>
    /// <param name="windows">How many of its windows; 0 is all.</param>
    /// <param name="each">Whether every removal is measured.</param>
    public static string Evaluation(string text, int windows, bool each) =>
        FormattableString.Invariant($" --evaluation {Word(text)} --evaluation-windows {windows}") + (each ? " --evaluate-each" : "");

    /// <summary>The folder alone, behind the search of the plan, if there is one.</summary>
    /// <param name="form">From <see cref="Form"/>, or another form's options.</param>
    public static string Export(string model, BlockPlan? plan, IReadOnlyList<int> removed, string form) =>
        (plan is null ? "" : $"{Search(plan, model)} --run RUN --plan-only\n") + $"sleb export {Word(model)}"
        + (plan is not null ? " --plan RUN/plan.json" : removed.Count > 0 ? $" --remove-blocks {string.Join(',', removed)}" : "") + form + Out;

    /// <summary>How an ONNX folder is written.</summary>
    public static string Form(string target, string precision, OnnxForm form) => $" --target {target} --precision {precision}"
        + (precision.StartsWith("int", StringComparison.Ordinal) && form.AccuracyLevel == 0 ? " --accuracy-level 0" : "") + (form.ZeroPoints ? " --zero-points" : "")
        + (form.EmbeddingPrecision is { } embedding ? $" --embedding-precision {embedding}" : "") + (form.FusedNorms ? " --fused-norms" : "") + (form.PackedGateUp ? " --packed-gate-up" : "")
        + (form.ShareWeights is { } dense ? $" --share-weights {Word(FileName(dense))}" : "");

    /// <summary>As a shell reads it as one word.</summary>
    public static string Word(string text) => Plain().IsMatch(text) ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>The last part of a path; a text that came from no file is FILE.</summary>
    public static string FileName(string path) => Path.Exists(path) ? Path.GetFileName(Path.TrimEndingDirectorySeparator(path)) : "FILE";

    [GeneratedRegex(@"^[\w./:@%+=,-]+\z")]
    private static partial Regex Plain();
}
