using System.CommandLine;
using Sleb.Cli.Experiments;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Artifacts;
using Sleb.Core.Hub;
using Sleb.Core.Search;
using Sleb.MLNet;
using Sleb.MLNet.Experiments;
using Sleb.MLNet.Folders;

namespace Sleb.Cli.Commands;

/// <summary>Prunes a model in many ways, chooses one, and writes its folder and the code around it.</summary>
internal sealed class ExperimentCommand : SlebCommand
{
    private const string CalibrationFile = "calibration.txt";

    private readonly Argument<string> _what = CommandOptions.Folder("FILE_OR_MODEL", "A session file (sleb.json), or a Hugging Face folder or hub id (org/name, org/name@revision).");
    private readonly Option<string[]> _calibration = new("--calibration") { Description = "Text that decides; given again, a further text to try. Default: calibration.txt beside the model.", HelpName = "FILE", AllowMultipleArgumentsPerToken = false };
    private readonly Option<string?> _evaluation = CommandOptions.Path("--evaluation", "FILE", "Text for the perplexities. Default: evaluation.txt beside the model, else the calibration text.");
    private readonly Option<int?> _evaluationWindows = CommandOptions.Whole("--evaluation-windows", "Evaluation windows; 0 means all. Default: 32.", minimum: 0);
    private readonly Option<int[]?> _remove = CommandOptions.Ids("--remove", "1,2,3", "How many blocks to remove. Default: 1 to a quarter of the model's.");
    private readonly Option<string[]?> _metrics = CommandOptions.Names("--metrics", "perplexity,one-shot", "What candidates are ranked by, block-influence too. Default: perplexity.");
    private readonly Option<int[]?> _windows = CommandOptions.Ids("--windows", "4,8", "Calibration windows. Default: 8.");
    private readonly Option<int[]?> _sequenceLengths = CommandOptions.Ids("--sequence-lengths", "128,512", "Tokens a calibration window. Default: 512, or the model's context where that is shorter.");
    private readonly Option<string[]?> _precisions = CommandOptions.Names("--precisions", "fp32,int4", "Weights of the folders. Default: fp32,int8,int4.");
    private readonly Option<SearchEffort?> _effort = CommandOptions.Choice<SearchEffort>("--effort", "How every search works. Default: exhaustive.");
    private readonly Option<string?> _budget = CommandOptions.Text("--budget", "BOUNDS", "What the model must keep to: perplexity-rise=10%, size=50MB, latency=5ms a token, with commas between them. Default: perplexity-rise=10%.");
    private readonly Option<SlebObjective?> _objective = CommandOptions.Choice<SlebObjective>("--objective", "What is best within the budget. Default: lowest-perplexity; smallest-model where only the perplexity is bounded.");
    private readonly Option<int?> _seconds = CommandOptions.Whole("--training-time", "Seconds after which the best so far is taken. Default: no limit.", minimum: 1);
    private readonly Option<int?> _most = CommandOptions.Whole("--max-models", "Trials at most, a random part of a larger space. Default: all.", minimum: 1);
    private readonly Option<int?> _promptTokens = CommandOptions.Whole("--prompt-tokens", "Tokens of the prompt that is timed. Default: 2048, or what the context holds.", minimum: 1);
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "New tokens that are timed. Default: 128.", minimum: 1);
    private readonly Option<int?> _batchSize = CommandOptions.Whole("--batch-size", "Texts that are timed together. Default: 1; published is 64, for a GPU.", minimum: 1);
    private readonly Option<int?> _runs = CommandOptions.Whole("--runs", "Times that each is measured. Default: 3.", minimum: 1);
    private readonly Option<string?> _checkpoint = CommandOptions.Path("--checkpoint", "DIR", "The experiment's memory and session file; a stopped one continues there. Default: experiments/NAME.");
    private readonly Option<string?> _out = CommandOptions.Path("--out", "DIR", "Where the chosen model goes. Default: out/NAME-best.");
    private readonly Option<bool> _overwrite = CommandOptions.Flag("--overwrite", "Replace what is in the way of the folder.");

    public ExperimentCommand() : base("experiment", "Prune a model in many ways, choose by a budget, and write the chosen model and the code to use it.")
    {
        Add(_what);
        foreach (Option option in (Option[])[.. OfTheModel, _out, _overwrite]) Add(option);
    }

    /// <summary>What a session file says otherwise.</summary>
    private Option[] OfTheModel =>
    [
        _calibration, _evaluation, _evaluationWindows, _remove, _metrics, _windows, _sequenceLengths, _precisions, _effort, _budget, _objective,
        _seconds, _most, _promptTokens, _newTokens, _batchSize, _runs, _checkpoint,
    ];

    public override void Execute(ParseResult call, CommandContext context)
    {
        string what = call.GetRequiredValue(_what);
        bool isFile = File.Exists(what);
        if (isFile && CommandOptions.FirstGiven(call, OfTheModel) is { } idle)
            throw new UsageException($"{what} is a session file, which says it itself; {idle.Name} is for a model.");
        var session = isFile ? ExperimentSession.Load(what) : Session(call, what);
        foreach (string key in session.UnknownKeys) context.Diagnostics.Warning($"{session.Path} has '{key}', which means nothing here; it is kept.");
        var source = ModelPath.Require(session.Model, context);
        var texts = Texts(session, source.Folder);
        string target = Path.GetFullPath(call.GetValue(_out) ?? (session.Settings.Out is { } named ? session.Resolve(named) : Beside(Path.Combine("out", $"{source.Name}-best"))));
        // A model there may be the one that will be chosen.
        if (!ModelPath.IsGenAI(target)) StagedFolder.CheckTarget(target, call.GetValue(_overwrite));
        var request = Request(session, source, texts, Beside(Path.Combine("experiments", source.Name)), context.Cancellation);

        var display = new ExperimentDisplay(context, TimeProvider.System);
        var outcome = display.Run(tell => ExperimentJob.Run(request, tell, context.Cancellation));
        if (!context.Json) display.Finished(outcome);
        context.Cancellation.ThrowIfCancellationRequested();
        if (outcome.Best is not { } best) throw new InvalidOperationException(NoneWithin(outcome));

        string folder = CopyTo(best.ModelFolder!, target, call.GetValue(_overwrite));
        var code = WriteCode(session, best, source, texts, folder);
        session.Save(new { ExperimentDocument.Trial.Of(best).Settings, best.RemovedBlocks, best.Perplexity, best.PerplexityRise, Bytes = best.ModelBytes, best.MillisecondsPerToken });
        if (context.Json) JsonOutput.Write(context.Output, ExperimentDocument.Of(outcome, folder, session.Path, code));
        else Report(context, best, folder, session.Path, code);

        string Beside(string path) => isFile ? session.Resolve(path) : path;
    }

    private ExperimentSession Session(ParseResult call, string model)
    {
        var defaults = new SessionSettings();
        string name = ModelSource.IsId(model) ? HubId.TryParse(model)!.Name : ModelSource.NameOf(model);
        var settings = new SessionSettings
        {
            Model = model,
            Calibration = call.GetValue(_calibration) ?? [],
            Evaluation = call.GetValue(_evaluation),
            EvaluationWindows = call.GetValue(_evaluationWindows) ?? defaults.EvaluationWindows,
            Space = new()
            {
                RemoveBlocks = CommandOptions.Given(call, _remove) ?? defaults.Space.RemoveBlocks,
                Metrics = call.GetResult(_metrics) is null ? defaults.Space.Metrics : [.. call.GetValue(_metrics)!.Select(Metric)],
                Windows = CommandOptions.Given(call, _windows) ?? defaults.Space.Windows,
                SequenceLengths = CommandOptions.Given(call, _sequenceLengths) ?? defaults.Space.SequenceLengths,
                Precisions = call.GetResult(_precisions) is null ? defaults.Space.Precisions : call.GetValue(_precisions)!,
                Effort = call.GetValue(_effort) ?? defaults.Space.Effort,
            },
            Objective = call.GetValue(_objective),
            Budget = call.GetValue(_budget) is { } budget ? BudgetText.Parse(budget) : defaults.Budget,
            Latency = defaults.Latency with
            {
                PromptTokens = call.GetValue(_promptTokens) ?? defaults.Latency.PromptTokens,
                NewTokens = call.GetValue(_newTokens) ?? defaults.Latency.NewTokens,
                BatchSize = call.GetValue(_batchSize) ?? defaults.Latency.BatchSize,
                Runs = call.GetValue(_runs) ?? defaults.Latency.Runs,
            },
            TrainingTimeInSeconds = call.GetValue(_seconds),
            MaxModelToExplore = call.GetValue(_most),
            Out = call.GetValue(_out) ?? Path.Combine("out", $"{name}-best"),
        };
        return ExperimentSession.Of(settings, call.GetValue(_checkpoint) ?? Path.Combine("experiments", name));
    }

    private static SearchMetric Metric(string name)
    {
        foreach (var metric in Enum.GetValues<SearchMetric>())
            if (MLNet.Reporting.Figures.Name(metric) == name) return metric;
        throw new UsageException($"--metrics has '{name}'; perplexity, one-shot and block-influence are known.");
    }

    /// <summary>The calibration files' full paths, by the names that trials know them by.</summary>
    private static IReadOnlyList<(string Name, string Path)> Texts(ExperimentSession session, string model)
    {
        string beside = Path.Combine(model, CalibrationFile);
        var given = session.Settings.Calibration;
        if (given.Count == 0)
            return File.Exists(beside) ? [(CalibrationFile, beside)]
                : throw new UsageException($"The searches need text to decide by, and there is no {CalibrationFile} beside the model; give --calibration FILE, or \"calibration\" in the session file.");
        bool unique = given.Select(Path.GetFileName).Distinct().Count() == given.Count;
        return [.. given.Select(path => (unique ? Path.GetFileName(path) : path, session.Resolve(path)))];
    }

    /// <exception cref="UsageException">Values are out of range.</exception>
    private static ExperimentRequest Request(
        ExperimentSession session, ModelSource source, IReadOnlyList<(string Name, string Path)> texts, string defaultFolder, CancellationToken cancellationToken)
    {
        var settings = session.Settings;
        string[] faults = [.. settings.Space.FindFaults([.. texts.Select(text => text.Name)]), .. settings.Budget.FindFaults(), .. settings.Latency.FindFaults(), .. Faults(settings)];
        if (faults.Length > 0) throw new UsageException($"The experiment's settings are wrong. {string.Join(" ", faults)}");
        return new()
        {
            ModelFolder = source.Folder,
            ModelName = source.Name,
            Calibrations = [.. texts.Select(text => new CalibrationText(text.Name, CommandOptions.ReadText(text.Path, null, cancellationToken)))],
            Evaluation = settings.Evaluation is { } evaluation ? CommandOptions.ReadText(session.Resolve(evaluation), null, cancellationToken) : null,
            EvaluationWindows = settings.EvaluationWindows,
            Space = settings.Space,
            Objective = settings.Objective,
            Budget = settings.Budget,
            Latency = settings.Latency,
            Time = settings.TrainingTimeInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            MaxTrials = settings.MaxModelToExplore,
            Folder = settings.Checkpoint is { } checkpoint ? session.Resolve(checkpoint) : defaultFolder,
        };
    }

    private static IEnumerable<string> Faults(SessionSettings settings)
    {
        if (settings.EvaluationWindows < 0) yield return $"EvaluationWindows is {settings.EvaluationWindows}; it must be 0 (all) or more.";
        if (settings.TrainingTimeInSeconds is { } seconds && !(seconds is > 0 and < 1e9)) yield return FormattableString.Invariant($"TrainingTimeInSeconds is {seconds}; it must be above 0.");
        if (settings.MaxModelToExplore < 1) yield return $"MaxModelToExplore is {settings.MaxModelToExplore}; it must be at least 1.";
    }

    private static string NoneWithin(ExperimentOutcome outcome) =>
        $"None of {outcome.Trials.Count} trials keeps to the budget: the perplexity rises by {Numbers.Change(1, 1 + outcome.Trials.Min(trial => trial.PerplexityRise))} at the least, "
        + $"the smallest folder has {Numbers.Bytes(outcome.Trials.Min(trial => trial.ModelBytes))}, the fastest takes {FormattableString.Invariant($"{outcome.Trials.Min(trial => trial.MillisecondsPerToken):0.00}")} ms a token. Allow more with --budget; finished trials are kept.";

    private static string CopyTo(string folder, string target, bool overwrite)
    {
        bool isThere = ModelPath.IsGenAI(target) && FolderFingerprint.Compute(target) == FolderFingerprint.Compute(folder);
        if (!isThere) new ModelPlace(folder).CopyTo(target, overwrite);
        return target;
    }

    private static string[] WriteCode(ExperimentSession session, SlebTrialResult best, ModelSource source, IReadOnlyList<(string Name, string Path)> texts, string folder)
    {
        string? evaluation = session.Settings.Evaluation is { } path ? session.Resolve(path) : null;
        string model = source.Id is null ? source.Folder : session.Model, calibration = texts.First(text => text.Name == best.Settings.Calibration).Path;
        (string Name, string Text)[] files =
        [
            (GeneratedCode.ConsumptionFile, GeneratedCode.Consumption(best, folder)),
            (GeneratedCode.PruningFile, GeneratedCode.Pruning(best, session.Settings, model, calibration, evaluation, folder)),
        ];
        Directory.CreateDirectory(session.Folder);
        return Array.ConvertAll(files, file =>
        {
            string full = Path.Combine(session.Folder, file.Name);
            WholeFile.Write(full, file.Text);
            return full;
        });
    }

    private static void Report(CommandContext context, SlebTrialResult best, string folder, string session, string[] code)
    {
        var lines = new ResultLines(context.Console);
        lines.Add("Chosen", ExperimentTable.Line(best));
        lines.Add("Removed", Numbers.List(best.RemovedBlocks));
        lines.Add("Model", Paths.Short(folder));
        lines.Add("Session", Paths.Short(session));
        foreach (string file in code) lines.Add("Code", Paths.Short(file));
    }
}
