using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
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
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace another file that is in the way.");

    public ReportCommand() : base("report", "Write what searches decided, and how sure it is, as one HTML file.")
    {
        Add(_runs);
        foreach (Option option in new Option[] { _out, _folders, _prompts, _newTokens, _overwrite }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (runs, experiments) = Read(call.GetRequiredValue(_runs));
        string path = Path.GetFullPath(call.GetValue(_out) ?? "report.html"), html = HtmlReport.Write(runs, experiments, Answers(call, context));
        context.Cancellation.ThrowIfCancellationRequested();
        if (File.Exists(path) && !call.GetValue(_overwrite) && File.ReadAllText(path) != html)
            throw new IOException($"{path} is there already and holds something else; give another name, or --overwrite.");
        File.WriteAllText(path, html);
        if (context.Json) JsonOutput.Write(context.Output, new ReportDocument(path));
        else new ResultLines(context.Console).Add("Report", Paths.Short(path));
    }

    private List<(string, IReadOnlyList<PromptAnswer>)> Answers(ParseResult call, CommandContext context)
    {
        string[] folders = call.GetResult(_folders) is null ? [] : call.GetValue(_folders)!;
        if ((folders.Length > 0) != (call.GetValue(_prompts) is not null)) throw new UsageException("--folders and --prompts belong together; give both.");
        if (folders.Length == 0) return [];
        string[] prompts = [.. File.ReadLines(call.GetValue(_prompts)!).Where(line => line.Length > 0)];
        if (prompts.Length == 0) throw new InvalidDataException($"{call.GetValue(_prompts)} holds no prompt; write one a line.");
        return [.. folders.Select(ModelPath.RequireGenAI).Select(folder => (Path.GetFileName(folder), PromptAnswer.Read(folder, prompts, call.GetValue(_newTokens) ?? 48, context.Cancellation)))];
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
