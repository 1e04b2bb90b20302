using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;
using Sleb.Core.Plan;
using Sleb.MLNet.Memory;
using Sleb.MLNet.Reporting;
using Sleb.Onnx;
using Sleb.Onnx.Surgery;
using Sleb.Torch.Scoring;
using Sleb.Torch.Streaming;

namespace Sleb.Cli.Commands;

/// <summary>Writes a checkpoint, or what a plan or a list leaves of it, as a folder to run or to hand on.</summary>
internal sealed class ExportCommand : SlebCommand
{
    private readonly Argument<string> _model = CommandOptions.Folder("MODEL", "A Hugging Face folder or hub id (org/name, org/name@revision), or an ONNX Runtime GenAI folder.");
    private readonly Option<string?> _plan = CommandOptions.Path("--plan", "FILE", "The plan.json of a search.");
    private readonly Option<int[]?> _removeBlocks = CommandOptions.Ids("--remove-blocks", "14,17", "The blocks to remove, by their indices in the dense model.");
    private readonly Option<string?> _out = CommandOptions.Path("--out", "DIR", "Where to write.");
    private readonly Option<string?> _format = CommandOptions.Choice("--format", "An ONNX Runtime GenAI folder or a Hugging Face folder. Default: onnx.", "onnx", "hf");
    private readonly FormOptions _form = new();
    private readonly Option<long?> _memory = CommandOptions.Memory();
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace what is in the way of the folder.");

    public ExportCommand() : base("export", "Write a model without the blocks of a plan or a list; without either, the dense model.")
    {
        _out.Required = true;
        Add(_model);
        foreach (Option option in (Option[])[_plan, _removeBlocks, _out, _format, .. _form.All, _memory, _overwrite]) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (planPath, list) = (call.GetValue(_plan), CommandOptions.Given(call, _removeBlocks));
        if (planPath is not null && list is not null) throw new UsageException("--plan and --remove-blocks both say which blocks go; give one of them.");
        bool hf = call.GetValue(_format) == "hf";
        if (hf && CommandOptions.FirstGiven(call, _form.All) is { } idle)
            throw new UsageException($"{idle.Name} is for --format onnx; a Hugging Face folder keeps the weights as they are.");
        var form = _form.Form(call);

        string model = ModelPath.Require(call.GetRequiredValue(_model), context).Folder;
        var plan = planPath is null ? null : BlockPlan.Load(Path.GetFullPath(planPath));
        var removed = plan?.RemovedBlocks ?? list ?? [];
        string target = Path.GetFullPath(call.GetValue(_out)!);
        if (ModelPath.IsGenAI(model))
        {
            if (CommandOptions.FirstGiven(call, [.. hf ? [_format] : Array.Empty<Option>(), .. _form.All, _memory]) is { } other)
                throw new UsageException($"{model} is an ONNX Runtime GenAI folder, whose weights stay as they are; {other.Name} is for a Hugging Face folder.");
            plan?.RequireModel(FolderFingerprint.Compute(model), model);
            CutFolder(model, removed, target, plan, call.GetValue(_overwrite), context);
            return;
        }

        using var checkpoint = Checkpoint.Open(model);
        plan?.RequireModel(checkpoint.ReadFingerprint(context.Cancellation), checkpoint.Folder);
        var survivors = Survivors.After(checkpoint.Config.NumHiddenLayers, removed);
        context.Cancellation.ThrowIfCancellationRequested();

        if (hf && call.GetValue(_memory) is { } cap) new ResultLines(context.Console).Add("Memory", MemoryBudget.CopyPlan(cap));
        Announce(context, survivors.Count, checkpoint.Config.NumHiddenLayers, hf ? "a Hugging Face" : "an ONNX Runtime GenAI");
        var (folder, bytes, alreadyThere) = hf
            ? WriteCheckpoint(checkpoint, removed, target, plan, call.GetValue(_overwrite), context.Cancellation)
            : WriteOnnx(checkpoint, removed, survivors, target, plan, form, call, context);
        Report(context, new(removed, survivors, folder, bytes), alreadyThere);
    }

    private static void CutFolder(string model, IReadOnlyList<int> removed, string target, BlockPlan? plan, bool overwrite, CommandContext context)
    {
        var request = new SurgeryRequest
        {
            Folder = model,
            RemovedBlocks = removed,
            OutFolder = target,
            Overwrite = overwrite,
            CalibrationFingerprint = plan?.Search.CalibrationFingerprint,
            Card = Card(model, plan, removed, ""),
        };
        int blocks = new BlockMap(DecoderPackage.Open(model)).Count;
        Announce(context, Survivors.After(blocks, removed).Count, blocks, "an ONNX Runtime GenAI");
        var result = BlockSurgery.Remove(request, context.Cancellation);
        foreach (string note in result.Notes) context.Diagnostics.Warning(note);
        Report(context, new(removed, result.Provenance.Survivors, result.Folder, result.Bytes), result.AlreadyThere);
    }

    private static Func<Provenance, string> Card(string model, BlockPlan? plan, IReadOnlyList<int> removed, string form) =>
        new ModelCard { BaseFolder = model, Plan = plan, Command = CommandText.Export(ModelSource.IdOf(model), plan, removed, form) }.Text;

    private static void Announce(CommandContext context, int survivors, int blocks, string kind) =>
        new ResultLines(context.Console).Add("Now", $"writing {survivors} of {blocks} blocks as {kind} folder, and checking it");

    private static void Report(CommandContext context, ExportDocument written, bool alreadyThere)
    {
        if (context.Json) JsonOutput.Write(context.Output, written);
        else new ResultLines(context.Console).Add("Folder", $"{Paths.Short(written.Folder)}, {Numbers.Bytes(written.Bytes)}{(alreadyThere ? ", already there" : "")}");
    }

    private static (string, long, bool) WriteCheckpoint(
        Checkpoint checkpoint, IReadOnlyList<int> removed, string target, BlockPlan? plan, bool overwrite, CancellationToken cancellationToken)
    {
        var options = new HfExportOptions
        {
            CalibrationFingerprint = plan?.Search.CalibrationFingerprint,
            Card = Card(checkpoint.Folder, plan, removed, " --format hf"),
        };
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
            Card = Card(checkpoint.Folder, plan, removed, CommandText.Form(_form.Target(call), _form.Precision(call), form)),
            // Loaded only when the folder is written and about to be checked: where it is there already, nothing is.
            ReferenceLogits = ids =>
            {
                using var model = TorchModel.Load(checkpoint, cancellationToken: context.Cancellation);
                return model.Logits(ids, survivors);
            },
        };
        if (call.GetValue(_memory) is not null) ExportFormat.CheckCapped(request.Precision, form);
        using var streamed = call.GetValue(_memory) is { } cap ? OpenStreamed(checkpoint, cap, context) : null;
        var result = OnnxExporter.Export(streamed?.Checked(request, survivors) ?? request, context.Cancellation);
        foreach (string note in result.Notes) context.Diagnostics.Warning(note);
        return (result.Folder, result.Bytes, result.AlreadyThere);
    }

    private static StreamedJobModel OpenStreamed(Checkpoint checkpoint, long cap, CommandContext context)
    {
        var model = new StreamedModel(checkpoint);
        try
        {
            var budget = MemoryBudget.Of(cap, checkpoint, model, LogitCheck.PromptLength);
            new ResultLines(context.Console).Add("Memory", budget.ExportPlan());
            return new StreamedJobModel(model, budget);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
