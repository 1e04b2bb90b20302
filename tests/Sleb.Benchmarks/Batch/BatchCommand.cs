using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.Cli.Commands;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Calibration;
using Spectre.Console;

namespace Sleb.Benchmarks.Batch;

/// <summary>The ML.NET transformer with rows put together against row by row.</summary>
internal sealed class BatchCommand : Command
{
    private static readonly int[] BatchSizes = [1, 4, 8, 16];

    private readonly Argument<string[]> _folders = new("FOLDER…") { Description = "ONNX Runtime GenAI folders.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _text = CommandOptions.Path("--text", "FILE", "A text that prompts of 4 to 64 words are cut from.");
    private readonly Option<int?> _texts = CommandOptions.Whole("--texts", "Prompts. Default: 64.", minimum: 1);
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "The longest completion. Default: 64.", minimum: 1);
    private readonly Option<string?> _json = CommandOptions.Path("--json", "FILE", "Where the figures go.");

    public BatchCommand() : base("batch", "Throughput of ApplySlebModel by batch size.")
    {
        _text.Required = true;
        Add(_folders);
        foreach (Option option in new Option[] { _text, _texts, _newTokens, _json }) Add(option);
        SetAction(Run);
    }

    private int Run(ParseResult call)
    {
        int texts = call.GetValue(_texts) ?? 64, newTokens = call.GetValue(_newTokens) ?? 64;
        string[] words = TextFile.Read(call.GetValue(_text)!).Text!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        Row[] rows = [.. Enumerable.Range(0, texts).Select(i => new Row(string.Join(' ', words.Skip(i * 64).Take(4 + i * 23 % 61))))];
        var measured = new List<BatchRow>();
        foreach (string folder in call.GetRequiredValue(_folders).Select(ModelPath.RequireGenAI)) measured.AddRange(Measure(folder, rows, newTokens));
        var document = new BatchDocument(Machine.Describe(), texts, newTokens, measured);
        Show(document, Consoles.Create(Console.Out));
        if (call.GetValue(_json) is { } json)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
            using var writer = new StreamWriter(json);
            JsonOutput.Write(writer, document);
        }
        return 0;
    }

    private static IEnumerable<BatchRow> Measure(string folder, Row[] rows, int newTokens)
    {
        var ml = new MLContext(seed: 1);
        var data = ml.Data.LoadFromEnumerable(rows);
        string[]? single = null;
        double first = 0;
        foreach (int batch in BatchSizes)
        {
            using var transformer = ml.Transforms.ApplySlebModel(new() { ModelFolder = folder, ScoreColumnName = null, MaxNewTokens = newTokens, BatchSize = batch }).Fit(data);
            string[] Complete(IDataView view) => [.. transformer.Transform(view).GetColumn<string>("Completion")];
            Complete(ml.Data.TakeRows(data, 1)); // loads and warms up
            var time = Stopwatch.StartNew();
            string[] completions = Complete(data);
            double seconds = time.Elapsed.TotalSeconds, rate = rows.Length / seconds;
            single ??= completions;
            if (first == 0) first = rate;
            yield return new(folder, batch, seconds, rate, rate / first, completions.Zip(single).Count(pair => pair.First == pair.Second));
        }
    }

    private static void Show(BatchDocument document, IAnsiConsole console)
    {
        var lines = new ResultLines(console);
        lines.Add("Machine", document.Machine);
        lines.Add("Measured", $"{document.Texts} prompts of 4 to 64 words, at most {document.MaxNewTokens} new tokens");
        var table = new Table().NoBorder().AddColumns("Folder");
        foreach (string heading in (string[])["Batch", "Seconds", "Texts/s", "Ratio", "Equal"]) table.AddColumn(heading, column => column.RightAligned());
        foreach (var row in document.Rows)
            table.AddRow(Markup.Escape(Paths.Short(row.Folder)), $"{row.BatchSize}", Text(row.Seconds, "0.0"), Text(row.TextsPerSecond, "0.00"), Text(row.Ratio, "0.00"), $"{row.Equal}");
        console.Write(table);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private sealed record Row(string Text);
}
