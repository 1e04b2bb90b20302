using System.CommandLine;
using Sleb.Cli.Commands;
using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;

namespace Sleb.Benchmarks.Decode;

/// <summary>Writes a checkpoint as the official builder would, which runs on Python alone: a folder to give to the decode benchmark.</summary>
internal sealed class BuilderFormCommand : Command
{
    private readonly Argument<string> _model = CommandOptions.Folder("MODEL", "A Hugging Face folder.");
    private readonly Option<string?> _out = CommandOptions.Path("--out", "DIR", "Where to write.");
    private readonly Option<string?> _precision = CommandOptions.Choice("--precision", "Default: int4.", "fp32", "int4");

    public BuilderFormCommand() : base("builder-form", "Write a folder in the form of ONNX Runtime GenAI's own model builder.")
    {
        _out.Required = true;
        Add(_model);
        Add(_out);
        Add(_precision);
        SetAction(Run);
    }

    private int Run(ParseResult call)
    {
        using var checkpoint = Checkpoint.Open(ModelPath.RequireFolder(call.GetRequiredValue(_model)));
        var result = OnnxExporter.Export(new()
        {
            Checkpoint = checkpoint,
            RemovedBlocks = [],
            OutFolder = call.GetValue(_out)!,
            Precision = call.GetValue(_precision) ?? "int4",
            Form = new() { BuilderForm = true },
        });
        new ResultLines(Consoles.Create(Console.Out)).Add("Folder", $"{Paths.Short(result.Folder)}, {Numbers.Bytes(result.Bytes)}");
        return 0;
    }
}
