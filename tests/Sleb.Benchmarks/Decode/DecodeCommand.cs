using System.CommandLine;
using System.Globalization;
using Sleb.Cli.Commands;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.MLNet.Latency;
using Spectre.Console;

namespace Sleb.Benchmarks.Decode;

/// <summary>Folders in ONNX Runtime GenAI beside what a .NET user would take instead: llama.cpp by way of LLamaSharp.</summary>
internal sealed class DecodeCommand : Command
{
    private const string GenAI = "genai", LlamaCpp = "llama.cpp";

    private readonly Argument<string[]> _folders = new("FOLDER…")
    {
        Description = "ONNX Runtime GenAI folders; the first is what all others are compared to.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _gguf = CommandOptions.Path("--gguf", "FILE", "A model for llama.cpp.");
    private readonly Option<int?> _promptTokens = CommandOptions.Whole("--prompt-tokens", "Tokens read at once. Default: 256.", minimum: 1);
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "Tokens written one by one. Default: 128.", minimum: 1);
    private readonly Option<int?> _threads = CommandOptions.Whole("--threads", "Cores for either engine. Default: 2.", minimum: 1);
    private readonly Option<int?> _runs = CommandOptions.Whole("--runs", "Measured runs of each model, behind one to warm up. Default: 5.", minimum: 1);
    private readonly Option<string?> _json = CommandOptions.Path("--json", "FILE", "Where the figures go.");
    private readonly Option<string?> _inProcess = new("--in-process") { Hidden = true, Description = "Serve runs of this engine here." };

    public DecodeCommand() : base("decode", "Prefill and decode of folders beside llama.cpp, taking turns, each in a process of its own.")
    {
        Add(_folders);
        foreach (Option option in new Option[] { _gguf, _promptTokens, _newTokens, _threads, _runs, _json, _inProcess }) Add(option);
        SetAction(Run);
    }

    private int Run(ParseResult call)
    {
        string[] folders = call.GetRequiredValue(_folders);
        var request = new DecodeRequest(call.GetValue(_promptTokens) ?? 256, call.GetValue(_newTokens) ?? 128, call.GetValue(_threads) ?? 2);
        if (call.GetValue(_inProcess) is { } served)
        {
            using IDecodeEngine engine = served == GenAI ? new GenAIEngine(folders[0], request) : new LlamaCppEngine(folders[0], request);
            EngineProcess.Serve(engine);
            return 0;
        }

        string? gguf = call.GetValue(_gguf), json = call.GetValue(_json);
        bool lacksGguf = gguf is not null && !File.Exists(gguf);
        if (lacksGguf) Console.Error.WriteLine($"{gguf} does not exist; the row of {LlamaCpp} is missing.");
        if (json is not null) Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
        var models = folders.Select(folder => (Engine: GenAI, Model: ModelPath.RequireGenAI(folder))).ToList();
        if (gguf is not null && !lacksGguf) models.Add((LlamaCpp, Path.GetFullPath(gguf)));

        int runs = call.GetValue(_runs) ?? 5;
        var measured = Measure(request, models, runs);
        var document = new DecodeDocument(Machine.Describe(), request.Threads, request.PromptTokens, request.NewTokens, runs, [.. models.Select((each, i) => new DecodeRow(
            each.Engine, each.Model, Bytes(each.Model), Prefill(i), Decode(i), Decode(i) / Decode(0), Prefill(i) / Prefill(0), Rates.Spread(measured[i].ConvertAll(run => run.Decode))))]);
        Show(document, Consoles.Create(Console.Out));
        if (json is not null)
        {
            using var writer = new StreamWriter(json);
            JsonOutput.Write(writer, document);
        }
        return lacksGguf ? 1 : 0;

        double Prefill(int i) => Rates.Median(measured[i].Select(run => run.Prefill));
        double Decode(int i) => Rates.Median(measured[i].Select(run => run.Decode));
    }

    /// <summary>The models take turns, so that a busy minute of the machine meets them all.</summary>
    private static List<DecodeRun>[] Measure(DecodeRequest request, List<(string Engine, string Model)> models, int runs)
    {
        var processes = models.ConvertAll(model => new EngineProcess(request, model.Engine, model.Model));
        try
        {
            var measured = models.ConvertAll(_ => new List<DecodeRun>()).ToArray();
            for (int run = 0; run <= runs; run++)
                for (int i = 0; i < models.Count; i++)
                    if (processes[i].Run() is not { } rates)
                        throw new InvalidOperationException($"{models[i].Engine} could not run {models[i].Model}, for the reason above.");
                    else if (run > 0) measured[i].Add(rates); // the first one warms up
            return measured;
        }
        finally
        {
            processes.ForEach(process => process.Dispose());
        }
    }

    private static void Show(DecodeDocument document, IAnsiConsole console)
    {
        var lines = new ResultLines(console);
        lines.Add("Machine", document.Machine);
        lines.Add("Measured", $"{document.PromptTokens} prompt tokens, {document.NewTokens} new ones, {document.Threads} threads; medians of {document.Runs} runs in turn");
        var table = new Table().NoBorder().AddColumns("Engine", "Model");
        foreach (string heading in (string[])["Size", "Prefill tokens/s", "Ratio", "Decode tokens/s", "Spread", "Ratio"])
            table.AddColumn(heading, column => column.RightAligned());
        foreach (var row in document.Rows)
            table.AddRow(row.Engine, Markup.Escape(Paths.Short(row.Model)), Numbers.Bytes(row.Bytes), Text(row.PrefillTokensPerSecond, "0.0"), Text(row.PrefillRatio, "0.00"),
                Text(row.DecodeTokensPerSecond, "0.0"), Text(row.Spread * 100, "0") + " %", Text(row.Ratio, "0.00"));
        console.Write(table);
    }

    private static long Bytes(string model) => File.Exists(model) ? new FileInfo(model).Length : ModelFolder.Bytes(model);

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
