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
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace another file that is in the way.");

    public ReportCommand() : base("report", "Write what searches decided, and how sure it is, as one HTML file.")
    {
        Add(_runs);
        foreach (Option option in new Option[] { _out, _overwrite }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (runs, experiments) = Read(call.GetRequiredValue(_runs));
        string path = Path.GetFullPath(call.GetValue(_out) ?? "report.html"), html = HtmlReport.Write(runs, experiments);
        context.Cancellation.ThrowIfCancellationRequested();
        if (File.Exists(path) && !call.GetValue(_overwrite) && File.ReadAllText(path) != html)
            throw new IOException($"{path} is there already and holds something else; give another name, or --overwrite.");
        File.WriteAllText(path, html);
        if (context.Json) JsonOutput.Write(context.Output, new ReportDocument(path));
        else new ResultLines(context.Console).Add("Report", Paths.Short(path));
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
