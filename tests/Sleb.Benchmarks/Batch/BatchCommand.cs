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
    /// <summary>Words from the start of a prompt to that of the next: the longest has as many.</summary>
    private const int Stride = 64;

    private static readonly int[] BatchSizes = [1, 2, 4, 8, 16];

    private readonly Argument<string[]> _folders = new("FOLDER…") { Description = "ONNX Runtime GenAI folders.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _text = CommandOptions.Path("--text", "FILE", "A text that prompts of 4 to 64 words are cut from.");
    private readonly Option<int?> _texts = CommandOptions.Whole("--texts", "Prompts. Default: 64.", minimum: 1);
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "The longest completion. Default: 64.", minimum: 1);
    private readonly Option<int?> _lookAhead = CommandOptions.Whole("--look-ahead", "Rows read ahead. Default: 64.", minimum: 1);
    private readonly Option<string?> _json = CommandOptions.Path("--json", "FILE", "Where the figures go.");

    public BatchCommand() : base("batch", "Throughput of ApplySlebModel by batch size.")
    {
        _text.Required = true;
        Add(_folders);
        foreach (Option option in new Option[] { _text, _texts, _newTokens, _lookAhead, _json }) Add(option);
        SetAction(Run);
    }

    private int Run(ParseResult call)
    {
        int texts = call.GetValue(_texts) ?? 64, newTokens = call.GetValue(_newTokens) ?? 64, lookAhead = call.GetValue(_lookAhead) ?? 64;
        string file = call.GetRequiredValue(_text)!;
        string[] words = string.Join(TextFile.DefaultJoin, TextFile.ReadDocuments(file)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < (long)texts * Stride)
            throw new ArgumentException($"{file} has {words.Length} words; {texts} prompts take {(long)texts * Stride}. Give a longer text, or fewer --texts.");
        Row[] rows = [.. Enumerable.Range(0, texts).Select(i => new Row(string.Join(' ', words.Skip(i * Stride).Take(4 + i * 23 % 61))))];
        var measured = new List<BatchRow>();
        foreach (string folder in call.GetRequiredValue(_folders).Select(ModelPath.RequireGenAI)) measured.AddRange(Measure(folder, rows, newTokens, lookAhead));
        var document = new BatchDocument(Machine.Describe(), texts, newTokens, lookAhead, measured);
        Show(document, Consoles.Create(Console.Out));
        if (call.GetValue(_json) is { } json)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
            using var writer = new StreamWriter(json);
            JsonOutput.Write(writer, document);
        }
        return 0;
    }

    private static IEnumerable<BatchRow> Measure(string folder, Row[] rows, int newTokens, int lookAhead)
    {
        var ml = new MLContext(seed: 1);
        var data = ml.Data.LoadFromEnumerable(rows);
        string[]? single = null;
        double first = 0;
        foreach (int batch in BatchSizes)
        {
            using var transformer = ml.Transforms.ApplySlebModel(new() { ModelFolder = folder, ScoreColumnName = null, MaxNewTokens = newTokens, BatchSize = batch, LookAhead = lookAhead }).Fit(data);
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
        lines.Add("Measured", $"{document.Texts} prompts of 4 to 64 words, at most {document.MaxNewTokens} new tokens, {document.LookAhead} rows read ahead");
        var table = new Table().NoBorder().AddColumns("Folder");
        foreach (string heading in (string[])["Batch", "Seconds", "Texts/s", "Ratio", "Equal"]) table.AddColumn(heading, column => column.RightAligned());
        foreach (var row in document.Rows)
            table.AddRow(Markup.Escape(Paths.Short(row.Folder)), $"{row.BatchSize}", Text(row.Seconds, "0.0"), Text(row.TextsPerSecond, "0.00"), Text(row.Ratio, "0.00"), $"{row.Equal}");
        console.Write(table);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private sealed record Row(string Text);
}
