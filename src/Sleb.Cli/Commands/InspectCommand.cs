using System.CommandLine;
using Sleb.Cli.Inspection;
using Sleb.Cli.Json;
using Sleb.Cli.Output;

namespace Sleb.Cli.Commands;

/// <summary>What a model folder holds, and whether this tool can work with it.</summary>
internal sealed class InspectCommand : SlebCommand
{
    private readonly Argument<string> _model = CommandOptions.Folder("MODEL", "A Hugging Face folder or hub id (org/name, org/name@revision), or an ONNX Runtime GenAI folder.");

    public InspectCommand() : base("inspect", "Say what a model folder holds and whether it can be pruned.") => Add(_model);

    public override void Execute(ParseResult call, CommandContext context)
    {
        var source = ModelPath.Require(call.GetRequiredValue(_model), context);
        string folder = source.Folder;
        context.Cancellation.ThrowIfCancellationRequested();
        var found = ModelPath.IsGenAI(folder) ? GenAIInspection.Describe(folder) : HuggingFaceInspection.Describe(folder);
        if (context.Json)
        {
            JsonOutput.Write(context.Output, found);
            return;
        }
        var lines = new ResultLines(context.Console);
        lines.Add("Model", Paths.Of(source));
        lines.Add("Family", found.Family ?? "unknown");
        lines.Add("Blocks", Numbers.Count(found.Blocks));
        lines.Add("Parameters", Numbers.Count(found.Parameters));
        lines.Add("Hidden size", Numbers.Count(found.HiddenSize));
        lines.Add("Vocabulary", Numbers.Count(found.VocabularySize));
        lines.Add("Context", Numbers.Count(found.ContextLength));
        lines.Add("Weights", Numbers.Bytes(found.Bytes));
        lines.Add("Supported", found.Supported ? "yes" : "no");
        foreach (string reason in found.Reasons) lines.Add("", reason);
    }
}
