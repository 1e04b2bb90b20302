using System.CommandLine;
using System.Globalization;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.MLNet;
using Sleb.MLNet.Latency;
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

    private readonly Option<string?> _protocol = CommandOptions.Choice("--protocol", "plain goes on behind the prompt; paper reads one prompt of 2048 tokens, and continues 64 texts of 64 tokens. Default: plain.", "plain", "paper");
    private readonly Option<int?> _promptTokens = CommandOptions.Whole("--prompt-tokens", "Tokens read at once. Default: 256; 2048 with --protocol paper.", minimum: 1);
    private readonly Option<int?> _newTokens = CommandOptions.Whole("--new-tokens", "Tokens written one by one. Default: 128.", minimum: 1);
    private readonly Option<int?> _batchSize = CommandOptions.Whole("--batch-size", "Of --protocol paper: texts written together. Default: 64, which is for a GPU.", minimum: 1);
    private readonly Option<int?> _runs = CommandOptions.Whole("--runs", "Measured runs of each folder, behind one to warm up. Default: 5.", minimum: 1);

    private readonly Option<string?> _text = CommandOptions.Path("--text", "FILE", "Measure the folders' perplexity on this text too.");
    private readonly Option<int?> _windows = CommandOptions.Whole("--windows", "How many of its windows, from the start. Default: all.", minimum: 1);

    public BenchCommand() : base("bench", "Measure prefill and decode, the folders taking turns.")
    {
        Add(_folders);
        foreach (Option option in new Option[] { _protocol, _promptTokens, _newTokens, _batchSize, _runs, _text, _windows }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        string[] folders = [.. call.GetRequiredValue(_folders).Select(ModelPath.RequireGenAI)];
        var asked = Protocol(call);
        if (call.GetValue(_windows) is not null && call.GetValue(_text) is null) throw new UsageException("--windows is for --text FILE, which is not given.");
        var text = call.GetValue(_text) is { } file ? CommandOptions.ReadText(file, join: null, context.Cancellation) : null;
        var traffic = Array.ConvertAll(folders, DecodeTraffic.Of);
        var models = new List<GenAIModel>();
        IReadOnlyList<ModelLatency> measured;
        double?[] perplexities;
        try
        {
            foreach (string folder in folders)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                models.Add(GenAIModel.Load(folder));
            }
            measured = ModelLatency.Measure(models, Fit(asked, models, context), context.Cancellation);
            perplexities = [.. models.Select(model => text is null ? (double?)null : PerplexityCommand.OfShipped(model, text, null, call.GetValue(_windows), context).Perplexity)];
        }
        finally
        {
            models.ForEach(model => model.Dispose());
        }
        var protocol = measured[0].Protocol;
        // In the middle of the new tokens, the cache holds this many positions.
        var bytesMoved = Array.ConvertAll(traffic, each => each.Bytes(
            ((protocol.GenerationPromptTokens ?? protocol.PromptTokens) + protocol.NewTokens / 2) * protocol.BatchSize));
        var document = new BenchDocument(Machine.Describe(), protocol.PromptTokens, protocol.NewTokens, protocol.Runs, [.. folders.Select((folder, i) => new BenchDocument.Row(
            folder, ModelFolder.Bytes(folder), Prefill(i), Decode(i), Rates.Spread(measured[i].DecodeRates), Decode(i) / Decode(0),
            (double)bytesMoved[0] / bytesMoved[i], Rates.Spread(measured[i].PrefillRates), Prefill(i) / Prefill(0), bytesMoved[i], perplexities[i]))],
            protocol.GenerationPromptTokens, protocol.BatchSize);
        if (context.Json) JsonOutput.Write(context.Output, document);
        else Show(document, protocol, context.Console);

        double Prefill(int i) => Rates.Median(measured[i].PrefillRates);
        double Decode(int i) => Rates.Median(measured[i].DecodeRates);
    }

    private SlebLatencyProtocol Protocol(ParseResult call)
    {
        bool paper = call.GetValue(_protocol) == "paper";
        if (!paper && CommandOptions.FirstGiven(call, _batchSize) is not null)
            throw new UsageException("--batch-size is for --protocol paper; without it, one text is written.");
        var sizes = paper ? SlebLatencyProtocol.Paper : new SlebLatencyProtocol { PromptTokens = 256, GenerationPromptTokens = null };
        return sizes with
        {
            PromptTokens = call.GetValue(_promptTokens) ?? sizes.PromptTokens,
            NewTokens = call.GetValue(_newTokens) ?? sizes.NewTokens,
            BatchSize = call.GetValue(_batchSize) ?? sizes.BatchSize,
            Runs = call.GetValue(_runs) ?? 5,
        };
    }

    /// <summary>The paper's sizes are made to fit, with a warning; sizes of the caller's own are refused where they do not.</summary>
    private static SlebLatencyProtocol Fit(SlebLatencyProtocol asked, List<GenAIModel> models, CommandContext context)
    {
        var smallest = models.MinBy(model => model.ContextLength)!;
        var fit = asked.Within(smallest.ContextLength);
        if (fit == asked) return fit;
        if (asked.GenerationPromptTokens is null)
        {
            long length = (long)asked.PromptTokens + 1 + asked.NewTokens;
            throw new UsageException($"{asked.PromptTokens} prompt tokens and {asked.NewTokens} new ones need a context of {length}; {smallest.Folder} has {smallest.ContextLength}.");
        }
        context.Diagnostics.Warning($"The context of {smallest.Folder} is {smallest.ContextLength} tokens, so smaller sizes are measured: {fit.Describe()}.");
        return fit;
    }

    private static void Show(BenchDocument document, SlebLatencyProtocol protocol, IAnsiConsole console)
    {
        var lines = new ResultLines(console);
        lines.Add("Machine", document.Machine);
        lines.Add("Measured", $"{protocol.Describe()} in turn");
        var table = new Table().NoBorder().AddColumn("Folder");
        bool withText = document.Folders[0].Perplexity is not null;
        foreach (string heading in (string[])[.. withText ? ["Perplexity"] : Array.Empty<string>(), "Size", "Prefill tokens/s", "Ratio", "Decode tokens/s", "Spread", "Ratio", "Ideal"])
            table.AddColumn(heading, column => column.RightAligned());
        foreach (var row in document.Folders)
            table.AddRow([
                Markup.Escape(Paths.Short(row.Folder)), .. row.Perplexity is { } perplexity ? [Numbers.Perplexity(perplexity)] : Array.Empty<string>(),
                Numbers.Bytes(row.Bytes), Text(row.PrefillTokensPerSecond, "0.0"), Text(row.PrefillRatio, "0.00"),
                Text(row.DecodeTokensPerSecond, "0.0"), Text(row.Spread * 100, "0") + " %", Text(row.Ratio, "0.00"), Text(row.IdealRatio, "0.00")]);
        console.Write(table);
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
