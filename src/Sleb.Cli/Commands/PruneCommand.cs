using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Search;
using Sleb.MLNet.Pruning;

namespace Sleb.Cli.Commands;

/// <summary>The main job: search, plan, folder, figures.</summary>
internal sealed class PruneCommand : SlebCommand
{
    private const string CalibrationFile = "calibration.txt";

    /// <summary>Enough words to see the difference.</summary>
    private const int SampleTokens = 32;

    private readonly Argument<string> _model = CommandOptions.Folder("MODEL", "A Hugging Face folder or hub id (org/name, org/name@revision), or an ONNX Runtime GenAI folder.");
    private readonly Option<int?> _remove = CommandOptions.Whole("--remove", "How many blocks to remove.", minimum: 1);
    private readonly Option<string?> _calibration = CommandOptions.Path("--calibration", "FILE", "Text that decides: .txt, .jsonl or either with .gz. Default: calibration.txt beside the model.");
    private readonly Option<int?> _sequenceLength = CommandOptions.Whole("--sequence-length", "Tokens a window. Default: 512, or the model's context where that is shorter.", minimum: 2);
    private readonly Option<int?> _windows = CommandOptions.Whole("--windows", "Calibration windows. Default: 8.", minimum: 1);
    private readonly Option<int?> _earlyBarrier = CommandOptions.Whole("--early-barrier", "Blocks at the start that stay. Default: 1.", minimum: 0);
    private readonly Option<int?> _lateBarrier = CommandOptions.Whole("--late-barrier", "Blocks at the end that stay. Default: 1.", minimum: 0);
    private readonly Option<SearchEffort?> _effort = CommandOptions.Choice<SearchEffort>("--effort", "exhaustive scores every candidate on all windows, racing rules out clear losers early. Default: exhaustive.");
    private readonly Option<SearchMetric?> _metric = CommandOptions.Choice<SearchMetric>("--metric", "What candidates are ranked by. Default: perplexity.");
    private readonly Option<string?> _arithmetic = CommandOptions.Choice("--arithmetic", "What candidates are screened in; float32 decides in any case. Default: auto, whichever a short measurement shows to be faster.", "auto", "fp32", "bf16", "int8", "int8-bf16");
    private readonly Option<long?> _memory = CommandOptions.Memory();
    private readonly Option<string?> _evaluation = CommandOptions.Path("--evaluation", "FILE", "Text for the perplexities. Default: evaluation.txt beside the model, else the calibration text.");
    private readonly Option<int?> _evaluationWindows = CommandOptions.Whole("--evaluation-windows", "Evaluation windows; 0 means all. Default: 32.", minimum: 0);
    private readonly Option<bool> _evaluateEach = CommandOptions.Flag("--evaluate-each", "Measure every removal on the evaluation text, not only the last: one more pass of it each.");
    private readonly Option<string?> _run = CommandOptions.Path("--run", "DIR", "The search's memory; a stopped search continues there. Default: runs/NAME-HASH8.");
    private readonly Option<string?> _out = CommandOptions.Path("--out", "DIR", "Where the ONNX folder goes. Default: out/NAME-minus-N.");
    private readonly Option<bool> _planOnly = CommandOptions.Flag("--plan-only", "Stop after the plan; write no folder.");
    private readonly FormOptions _form = new();
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace what is in the way of the folder.");
    private readonly Option<string?> _join = CommandOptions.Join();

    public PruneCommand() : base("prune", "Find the blocks that can go, and write the smaller model.")
    {
        _remove.Required = true;
        Add(_model);
        foreach (Option option in (Option[])
        [
            _remove, _calibration, _sequenceLength, _windows, _earlyBarrier, _lateBarrier, _effort, _metric, _arithmetic, _memory, _evaluation, _evaluationWindows, _evaluateEach,
            _run, _out, _planOnly, .. _form.All, _overwrite, _join,
        ]) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        if (call.GetValue(_planOnly) && call.GetValue(_out) is not null)
            throw new UsageException("--plan-only writes no folder, so it cannot stand beside --out.");
        string? join = call.GetValue(_join);
        var source = ModelPath.Require(call.GetRequiredValue(_model), context, beforeDownload: () => CheckTexts(call, join, context));
        string model = source.Folder;
        if (ModelPath.IsGenAI(model) && CommandOptions.FirstGiven(call, [.. _form.All, _arithmetic, _memory]) is { } other)
            throw new UsageException($"{model} is an ONNX Runtime GenAI folder, which is scored and written as it is; {other.Name} is for a Hugging Face folder.");
        var defaults = new PruneRequest { ModelFolder = model, RemoveBlocks = 1, Calibration = new("", null, null) };
        var request = new PruneRequest
        {
            ModelFolder = model,
            ModelName = source.Name,
            RemoveBlocks = call.GetValue(_remove)!.Value,
            Calibration = CommandOptions.ReadText(CalibrationPath(model, call.GetValue(_calibration)), join, context.Cancellation),
            SequenceLength = call.GetValue(_sequenceLength),
            Windows = call.GetValue(_windows) ?? defaults.Windows,
            EarlyBarrier = call.GetValue(_earlyBarrier) ?? defaults.EarlyBarrier,
            LateBarrier = call.GetValue(_lateBarrier) ?? defaults.LateBarrier,
            Effort = call.GetValue(_effort) ?? defaults.Effort,
            Metric = call.GetValue(_metric) ?? defaults.Metric,
            Arithmetic = call.GetValue(_arithmetic) switch { "fp32" => Arithmetic.Fp32, "bf16" => Arithmetic.Bf16, "int8" => Arithmetic.Int8, "int8-bf16" => Arithmetic.Int8Bf16, _ => null },
            Memory = call.GetValue(_memory),
            Evaluation = call.GetValue(_evaluation) is { } evaluation ? CommandOptions.ReadText(evaluation, join, context.Cancellation) : null,
            EvaluationWindows = call.GetValue(_evaluationWindows) ?? defaults.EvaluationWindows,
            EvaluateEach = call.GetValue(_evaluateEach),
            RunFolder = call.GetValue(_run),
            OutFolder = call.GetValue(_out),
            PlanOnly = call.GetValue(_planOnly),
            Target = _form.Target(call),
            Precision = _form.Precision(call),
            Form = _form.Form(call),
            Overwrite = call.GetValue(_overwrite),
            SampleTokens = context.Json ? 0 : SampleTokens,
        };
        var display = new PruneDisplay(context, request, TimeProvider.System);
        var result = display.Run(progress => PruneJob.Run(request, progress, context.Cancellation));
        if (context.Json) JsonOutput.Write(context.Output, PruneDocument.Of(result));
    }

    /// <summary>A hub has no texts beside its models, so what is missing is known before gigabytes are on their way.</summary>
    private void CheckTexts(ParseResult call, string? join, CommandContext context)
    {
        string calibration = call.GetValue(_calibration) ?? throw NoCalibration();
        CommandOptions.ReadText(calibration, join, context.Cancellation);
        if (call.GetValue(_evaluation) is { } evaluation) CommandOptions.ReadText(evaluation, join, context.Cancellation);
    }

    private static string CalibrationPath(string model, string? given)
    {
        string path = given ?? Path.Combine(model, CalibrationFile);
        if (given is not null || File.Exists(path)) return path;
        throw NoCalibration();
    }

    private static UsageException NoCalibration() =>
        new($"The search needs text to decide by, and there is no {CalibrationFile} beside the model; give --calibration FILE.");
}
