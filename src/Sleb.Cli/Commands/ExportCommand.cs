using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;
using Sleb.Onnx;
using Sleb.Torch.Scoring;

namespace Sleb.Cli.Commands;

/// <summary>Writes a checkpoint, or what a plan or a list leaves of it, as a folder to run or to hand on.</summary>
internal sealed class ExportCommand : SlebCommand
{
    private readonly Argument<string> _model = CommandOptions.Folder("MODEL", "A Hugging Face folder (config.json and safetensors), or a hub id: org/name or org/name@revision.");
    private readonly Option<string?> _plan = CommandOptions.Path("--plan", "FILE", "The plan.json of a search.");
    private readonly Option<int[]?> _removeBlocks = CommandOptions.Ids("--remove-blocks", "14,17", "The blocks to remove, by their indices in the dense model.");
    private readonly Option<string?> _out = CommandOptions.Path("--out", "DIR", "Where to write.");
    private readonly Option<string?> _format = CommandOptions.Choice("--format", "An ONNX Runtime GenAI folder or a Hugging Face folder. Default: onnx.", "onnx", "hf");
    private readonly FormOptions _form = new();
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace what is in the way of the folder.");

    public ExportCommand() : base("export", "Write a model without the blocks of a plan or a list; without either, the dense model.")
    {
        _out.Required = true;
        Add(_model);
        foreach (Option option in (Option[])[_plan, _removeBlocks, _out, _format, .. _form.All, _overwrite]) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (planPath, list) = (call.GetValue(_plan), CommandOptions.Given(call, _removeBlocks));
        if (planPath is not null && list is not null) throw new UsageException("--plan and --remove-blocks both say which blocks go; give one of them.");
        bool hf = call.GetValue(_format) == "hf";
        if (hf && _form.AnyGiven(call))
            throw new UsageException("--target and --precision are for --format onnx; a Hugging Face folder keeps the weights as they are.");
        var form = _form.Form(call);

        using var checkpoint = Checkpoint.Open(ModelPath.RequireCheckpoint(call.GetRequiredValue(_model), context).Folder);
        var plan = planPath is null ? null : BlockPlan.Load(Path.GetFullPath(planPath));
        plan?.RequireModel(checkpoint.ReadFingerprint(context.Cancellation), checkpoint.Folder);
        var removed = plan?.RemovedBlocks ?? list ?? [];
        var survivors = Survivors.After(checkpoint.Config.NumHiddenLayers, removed);
        string target = Path.GetFullPath(call.GetValue(_out)!);
        context.Cancellation.ThrowIfCancellationRequested();

        var lines = new ResultLines(context.Console);
        lines.Add("Now", $"writing {survivors.Count} of {checkpoint.Config.NumHiddenLayers} blocks as {(hf ? "a Hugging Face" : "an ONNX Runtime GenAI")} folder, and checking it");
        var (folder, bytes, alreadyThere) = hf
            ? WriteCheckpoint(checkpoint, removed, target, plan, call.GetValue(_overwrite), context.Cancellation)
            : WriteOnnx(checkpoint, removed, survivors, target, plan, form, call, context);
        if (context.Json)
        {
            JsonOutput.Write(context.Output, new ExportDocument(removed, survivors, folder, bytes));
            return;
        }
        lines.Add("Folder", $"{Paths.Short(folder)}, {Numbers.Bytes(bytes)}{(alreadyThere ? ", already there" : "")}");
    }

    private static (string, long, bool) WriteCheckpoint(
        Checkpoint checkpoint, IReadOnlyList<int> removed, string target, BlockPlan? plan, bool overwrite, CancellationToken cancellationToken)
    {
        var options = new HfExportOptions { CalibrationFingerprint = plan?.Search.CalibrationFingerprint };
        var result = PrunedCheckpoint.Write(checkpoint, removed, target, overwrite, options, cancellationToken);
        return (result.Folder, result.Bytes, result.AlreadyThere);
    }

    private (string, long, bool) WriteOnnx(
        Checkpoint checkpoint, IReadOnlyList<int> removed, IReadOnlyList<int> survivors, string target, BlockPlan? plan, OnnxForm form, ParseResult call, CommandContext context)
    {
        var request = new ExportRequest
        {
            Checkpoint = checkpoint,
            RemovedBlocks = removed,
            OutFolder = target,
            Target = _form.Target(call),
            Precision = _form.Precision(call),
            Form = form,
            Overwrite = call.GetValue(_overwrite),
            CalibrationFingerprint = plan?.Search.CalibrationFingerprint,
            // Loaded only when the folder is written and about to be checked: where it is there already, nothing is.
            ReferenceLogits = ids =>
            {
                using var model = TorchModel.Load(checkpoint, cancellationToken: context.Cancellation);
                return model.Logits(ids, survivors);
            },
        };
        var result = OnnxExporter.Export(request, context.Cancellation);
        foreach (string note in result.Notes) context.Diagnostics.Warning(note);
        return (result.Folder, result.Bytes, result.AlreadyThere);
    }
}
