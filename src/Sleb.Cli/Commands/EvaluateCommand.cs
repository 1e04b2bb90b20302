using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Tokenization;
using Sleb.Onnx.Runtime;
using Sleb.Torch.Scoring;

namespace Sleb.Cli.Commands;

/// <summary>Zero-shot questions to a checkpoint or a written folder, and to a second one to compare with.</summary>
internal sealed class EvaluateCommand : SlebCommand
{
    private readonly Argument<string> _model = CommandOptions.Folder("MODEL_OR_FOLDER", "A Hugging Face folder or hub id (org/name, org/name@revision), or an ONNX Runtime GenAI folder.");
    private readonly Option<string[]?> _tasks = CommandOptions.Names("--tasks", "piqa,hellaswag", "The tasks: names of files in the task folder, without .jsonl.");
    private readonly Option<string?> _taskFolder = CommandOptions.Path("--task-folder", "DIR", "The folder of the tasks' .jsonl files.");
    private readonly Option<int?> _skip = CommandOptions.Whole("--skip", "Items of each task to pass over at the start. Default: 0.", minimum: 0);
    private readonly Option<int?> _limit = CommandOptions.Whole("--limit", "Items of each task to ask. Default: all.", minimum: 1);
    private readonly Option<bool> _details = CommandOptions.Flag("--details", "Show every item.");
    private readonly Option<string?> _compareTo = CommandOptions.Text("--compare-to", "MODEL_OR_FOLDER", "The model to compare with, such as the dense one, on the same items.");

    public EvaluateCommand() : base("evaluate", "Ask a model zero-shot questions, and compare its answers with another one's.")
    {
        (_tasks.Required, _taskFolder.Required) = (true, true);
        Add(_model);
        foreach (Option option in new Option[] { _tasks, _taskFolder, _skip, _limit, _details, _compareTo }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        List<ZeroShotTask>? tasks = null;
        void ReadTasks() => tasks ??= [.. call.GetValue(_tasks)!.Select(name => Read(name, call, context))];
        string folder = ModelPath.Require(call.GetRequiredValue(_model), context, beforeDownload: ReadTasks).Folder;
        string? other = call.GetValue(_compareTo) is { } model ? ModelPath.Require(model, context, beforeDownload: ReadTasks).Folder : null;
        ReadTasks();
        var scores = Evaluate(folder, tasks!, context);
        var others = other is null ? null : Evaluate(other, tasks!, context);
        bool details = call.GetValue(_details);
        if (context.Json)
        {
            JsonOutput.Write(context.Output, EvaluateDocument.Of(scores, others, other, details));
            return;
        }
        if (details) context.Console.Write(EvaluateTable.Details(scores));
        context.Console.Write(EvaluateTable.Scores(scores));
        if (others is null) return;
        context.Console.Write(EvaluateTable.Comparison(scores, others));
        new ResultLines(context.Console).Add("Compared to", Paths.Short(other!));
    }

    private ZeroShotTask Read(string name, ParseResult call, CommandContext context)
    {
        context.Cancellation.ThrowIfCancellationRequested();
        var task = ZeroShotTask.Read(call.GetValue(_taskFolder)!, name);
        int skip = call.GetValue(_skip) ?? 0, limit = call.GetValue(_limit) ?? int.MaxValue, there = task.Items.Count - skip;
        if (there <= 0) throw new InvalidDataException($"{task.Path} holds {task.Items.Count} items, so none is left behind the {skip} to skip. Skip fewer.");
        if (call.GetValue(_limit) is not null && there < limit)
            context.Diagnostics.Warning($"{task.Path} holds {there} items{(skip > 0 ? $" behind the {skip} skipped" : "")}, fewer than the {limit} asked for.");
        return task with { Items = [.. task.Items.Skip(skip).Take(limit)] };
    }

    private static List<TaskScore> Evaluate(string folder, IReadOnlyList<ZeroShotTask> tasks, CommandContext context)
    {
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        context.Cancellation.ThrowIfCancellationRequested();
        if (ModelPath.IsGenAI(folder))
        {
            using var written = GenAIModel.Load(folder);
            return Ask(new(written, tokenizer), written.ContextLength);
        }
        using var checkpoint = Checkpoint.Open(folder);
        using var model = TorchModel.Load(checkpoint, cancellationToken: context.Cancellation);
        return Ask(new(new TorchTokenScorer(model, checkpoint.Config), tokenizer), checkpoint.Config.MaxPositionEmbeddings);

        List<TaskScore> Ask(ZeroShotScorer scorer, int contextLength) => [.. tasks.Select(task =>
        {
            var score = new TaskScore(task.Name, CountedProgress.Run(context, task.Name, $"items of {task.Name}", task.Items, item => scorer.Score(task, item, context.Cancellation)));
            int cut = score.Items.Count(item => item.IsCut);
            if (cut > 0) context.Diagnostics.Warning($"{cut} of {task.Items.Count} items of {task.Name} are longer than the context of {contextLength} tokens of {Paths.Short(folder)}; their beginning was left out.");
            return score;
        })];
    }
}
