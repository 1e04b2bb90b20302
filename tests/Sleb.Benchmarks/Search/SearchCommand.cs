using System.CommandLine;
using Sleb.Cli.Commands;
using Sleb.Cli.Json;
using Sleb.Cli.Output;

namespace Sleb.Benchmarks.Search;

/// <summary>The published loop against the product's search, each mode in a process of its own.</summary>
internal sealed class SearchCommand : Command
{
    public const string Naive = "naive";

    private static readonly string[] AllModes = [Naive, "exhaustive", "racing"];

    private readonly Argument<string> _model = CommandOptions.Folder("MODEL", "A Hugging Face folder.");
    private readonly Option<string?> _calibration = CommandOptions.Path("--calibration", "FILE", "Text that decides.");
    private readonly Option<int?> _remove = CommandOptions.Whole("--remove", "How many blocks to remove.", minimum: 1);
    private readonly Option<int?> _windows = CommandOptions.Whole("--windows", "Calibration windows. Default: 8.", minimum: 1);
    private readonly Option<int?> _sequenceLength = CommandOptions.Whole("--sequence-length", "Tokens a window. Default: 512, or the model's context where that is shorter.", minimum: 2);
    private readonly Option<int?> _budget = CommandOptions.Whole("--budget-seconds", "The naive loop is measured until then, the rest scaled. Default: 600.", minimum: 1);
    private readonly Option<string?> _modes = CommandOptions.Text("--modes", string.Join(',', AllModes), "What to measure. Default: all three.",
        value => value.Split(',').Except(AllModes).FirstOrDefault() is { } unknown ? $"--modes has '{unknown}'; {string.Join(", ", AllModes)} are expected." : null);
    private readonly Option<string?> _json = CommandOptions.Path("--json", "FILE", "Where the figures go.");
    private readonly Option<string?> _inProcess = new("--in-process") { Hidden = true, Description = "Run this mode here and write its outcome as a line." };

    public SearchCommand() : base("search", "The published loop against the product's search.")
    {
        (_calibration.Required, _remove.Required) = (true, true);
        Add(_model);
        foreach (Option option in new Option[] { _calibration, _remove, _windows, _sequenceLength, _budget, _modes, _json, _inProcess }) Add(option);
        SetAction(Run);
    }

    private int Run(ParseResult call)
    {
        var request = new SearchRequest(call.GetRequiredValue(_model), call.GetValue(_calibration)!, call.GetValue(_remove)!.Value,
            call.GetValue(_windows) ?? 8, call.GetValue(_sequenceLength), call.GetValue(_budget) ?? 600);
        if (call.GetValue(_inProcess) is { } mode) return ModeProcess.Serve(request, mode);

        string[] modes = call.GetValue(_modes)?.Split(',') ?? AllModes;
        if (call.GetValue(_json) is { } path) Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var measured = new List<(string Mode, SearchOutcome Outcome, long PeakBytes)>();
        foreach (string name in modes)
            if (ModeProcess.Run(request, name) is { } row) measured.Add((name, row.Outcome, row.PeakBytes));
            else Console.Error.WriteLine($"The mode {name} is not available or failed, for the reason above; its row is missing.");
        var document = new SearchDocument(Machine.Describe(), request.Model, request.Windows, request.SequenceLength, SearchRows.Of(measured));
        SearchRows.Show(document, Consoles.Create(Console.Out));
        if (call.GetValue(_json) is { } file)
        {
            using var writer = new StreamWriter(file);
            JsonOutput.Write(writer, document);
        }
        return measured.Count == modes.Length ? 0 : 1;
    }
}
