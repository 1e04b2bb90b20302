using System.CommandLine;
using System.Globalization;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Runtime;
using Spectre.Console;

namespace Sleb.Cli.Commands;

/// <summary>Measures how fast folders read a prompt and write tokens, beside each other.</summary>
internal sealed class BenchCommand : SlebCommand
{
    private readonly Argument<string[]> _folders = new("FOLDER…")
    {
        Description = "ONNX Runtime GenAI folders; the first is what the others are compared to.",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<int?> _promptTokens = CommandOptions.Whole("--prompt-tokens", "Tokens read at once. Default: 256.", minimum: 1);
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "Tokens written one by one. Default: 128.", minimum: 1);
    private readonly Option<int?> _runs = CommandOptions.Whole("--runs", "Measured runs of each folder, behind one to warm up. Default: 5.", minimum: 1);

    public BenchCommand() : base("bench", "Measure prefill and decode, the folders taking turns.")
    {
        Add(_folders);
        foreach (Option option in new Option[] { _promptTokens, _newTokens, _runs }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (promptTokens, newTokens, runs) = (call.GetValue(_promptTokens) ?? 256, call.GetValue(_newTokens) ?? 128, call.GetValue(_runs) ?? 5);
        string[] folders = [.. call.GetRequiredValue(_folders).Select(ModelPath.RequireGenAI)];
        var traffic = Array.ConvertAll(folders, DecodeTraffic.Of);
        var models = new List<GenAIModel>();
        List<(double Prefill, double Decode)>[] rates;
        try
        {
            foreach (string folder in folders)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                models.Add(GenAIModel.Load(folder));
                if ((long)promptTokens + 1 + newTokens > models[^1].ContextLength)
                    throw new UsageException($"{promptTokens} prompt tokens and {newTokens} new ones need a context of {(long)promptTokens + 1 + newTokens}; {folder} has {models[^1].ContextLength}.");
            }
            rates = Measure(models, promptTokens, newTokens, runs, context);
        }
        finally
        {
            models.ForEach(model => model.Dispose());
        }
        // In the middle of the new tokens, the cache holds this many positions.
        var bytesMoved = Array.ConvertAll(traffic, each => each.Bytes(promptTokens + newTokens / 2));
        var document = new BenchDocument(Machine.Describe(), promptTokens, newTokens, runs, [.. folders.Select((folder, i) => new BenchDocument.Row(
            folder, ModelFolder.Bytes(folder), Prefill(i), Decode(i), Spread(rates[i].Select(run => run.Decode)), Decode(i) / Decode(0),
            (double)bytesMoved[0] / bytesMoved[i], Spread(rates[i].Select(run => run.Prefill)), Prefill(i) / Prefill(0), bytesMoved[i]))]);
        if (context.Json) JsonOutput.Write(context.Output, document);
        else Show(document, context.Console);

        double Prefill(int i) => Median(rates[i].Select(run => run.Prefill));
        double Decode(int i) => Median(rates[i].Select(run => run.Decode));
    }

    /// <summary>The folders take turns, so that a busy minute of the machine meets them all.</summary>
    private static List<(double Prefill, double Decode)>[] Measure(
        List<GenAIModel> models, int promptTokens, int newTokens, int runs, CommandContext context)
    {
        var rates = models.ConvertAll(_ => new List<(double, double)>()).ToArray();
        for (int run = 0; run <= runs; run++)
            for (int i = 0; i < models.Count; i++)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                int[] prompt = [.. Enumerable.Range(1, promptTokens).Select(position => (int)(position * 7919L % models[i].VocabSize))];
                var (prefill, decode) = models[i].Time(prompt, newTokens, context.Cancellation);
                if (run > 0) rates[i].Add((promptTokens / prefill.TotalSeconds, newTokens / decode.TotalSeconds)); // the first one warms up
            }
        return rates;
    }

    private static void Show(BenchDocument document, IAnsiConsole console)
    {
        var lines = new ResultLines(console);
        lines.Add("Machine", document.Machine);
        lines.Add("Measured", $"{document.PromptTokens} prompt tokens, {document.NewTokens} new ones; medians of {document.Runs} runs in turn");
        var table = new Table().NoBorder().AddColumn("Folder");
        foreach (string heading in (string[])["Size", "Prefill tokens/s", "Ratio", "Decode tokens/s", "Spread", "Ratio", "Ideal"])
            table.AddColumn(heading, column => column.RightAligned());
        foreach (var row in document.Folders)
            table.AddRow(Markup.Escape(Paths.Short(row.Folder)), Numbers.Bytes(row.Bytes), Text(row.PrefillTokensPerSecond, "0.0"), Text(row.PrefillRatio, "0.00"),
                Text(row.DecodeTokensPerSecond, "0.0"), Text(row.Spread * 100, "0") + " %", Text(row.Ratio, "0.00"), Text(row.IdealRatio, "0.00"));
        console.Write(table);
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double Spread(IEnumerable<double> values) => (values.Max() - values.Min()) / Median(values);

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
