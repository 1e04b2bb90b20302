using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Artifacts;
using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.MLNet.Reporting;

namespace Sleb.Cli.Commands;

/// <summary>One HTML file about one or more searches.</summary>
internal sealed class ReportCommand : SlebCommand
{
    private readonly Argument<string[]> _runs = new("RUN…") { Description = "Run folders of sleb prune, plan files, or checkpoint folders of sleb experiment.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _out = CommandOptions.Path("--out", "FILE", "Where to write. Default: report.html.");
    private readonly Option<string[]?> _folders = CommandOptions.Names("--folders", "out/dense,out/minus-3", "Written folders that answer the prompts, the dense model's first.");
    private readonly Option<string?> _prompts = CommandOptions.Path("--prompts", "FILE", "A prompt a line, for the folders to answer.");
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "Tokens of an answer, at most. Default: 48.", minimum: 1);
    private readonly Option<string[]> _bench = new("--bench") { Description = "What sleb bench --text FILE --json wrote: sizes, speeds and perplexities of folders. May be given again.", HelpName = "FILE", AllowMultipleArgumentsPerToken = false };
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace another file that is in the way.");

    public ReportCommand() : base("report", "Write what searches decided, and how sure it is, as one HTML file.")
    {
        Add(_runs);
        foreach (Option option in new Option[] { _out, _folders, _prompts, _newTokens, _bench, _overwrite }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (runs, experiments) = Read(call.GetRequiredValue(_runs));
        string path = Target(call);
        var benches = call.GetValue(_bench)!.Select(ReportBench.Read).ToList();
        string html = HtmlReport.Write(runs, experiments, Answers(call, path, context), benches, Machine.Describe());
        context.Cancellation.ThrowIfCancellationRequested();
        if (IsInTheWay(call, path) && File.ReadAllText(path) != html) throw InTheWay(path);
        WholeFile.Write(path, html);
        if (context.Json) JsonOutput.Write(context.Output, new ReportDocument(path));
        else new ResultLines(context.Console).Add("Report", Paths.Short(path));
    }

    private string Target(ParseResult call)
    {
        string path = Path.GetFullPath(call.GetValue(_out) ?? "report.html");
        if (Directory.Exists(path)) throw new IOException($"{path} is a folder; give a file to write to.");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    private bool IsInTheWay(ParseResult call, string path) => File.Exists(path) && !call.GetValue(_overwrite);

    private static IOException InTheWay(string path) => new($"{path} is there already; give another name, or --overwrite.");

    private List<(string, IReadOnlyList<PromptAnswer>)> Answers(ParseResult call, string target, CommandContext context)
    {
        string[] given = call.GetResult(_folders) is null ? [] : call.GetValue(_folders)!;
        if ((given.Length > 0) != (call.GetValue(_prompts) is not null)) throw new UsageException("--folders and --prompts belong together; give both.");
        if (given.Length == 0) return [];
        string[] folders = Array.ConvertAll(given, ModelPath.RequireGenAI), prompts = Prompts(call.GetValue(_prompts)!);
        if (IsInTheWay(call, target)) throw InTheWay(target); // before minutes of work for nothing
        string[] names = FolderNames.Of(given);
        return [.. folders.Select((folder, i) => (names[i], PromptAnswer.Read(folder, prompts, call.GetValue(_newTokens) ?? 48, context.Cancellation)))];
    }

    /// <summary>The lines of a text, or of a .jsonl's texts.</summary>
    private static string[] Prompts(string path)
    {
        string[] prompts = [.. TextFile.ReadDocuments(path).SelectMany(text => text.ReplaceLineEndings("\n").Split('\n')).Where(line => line.Length > 0)];
        return prompts.Length > 0 ? prompts : throw new InvalidDataException($"{path} holds no prompt; write one a line.");
    }

    private static (List<ReportRun> Runs, List<ReportTrials> Experiments) Read(string[] paths)
    {
        var (runs, experiments) = (new List<ReportRun>(), new List<ReportTrials>());
        foreach (string path in paths)
        {
            if (!ReportTrials.IsExperiment(path))
            {
                runs.Add(ReportRun.Read(path));
                continue;
            }
            var (trials, searches) = ReportTrials.Read(path);
            experiments.Add(trials);
            runs.AddRange(searches.Select(ReportRun.Read));
        }
        return runs.Count > 0 ? (runs, experiments) : throw new CheckpointException($"{paths[0]} holds no finished search; run the experiment again.");
    }
}
