using System.CommandLine;
using Sleb.Cli.Json;
using Sleb.Cli.Output;
using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Tokenization;
using Sleb.Onnx.Runtime;
using Sleb.Torch.Scoring;

namespace Sleb.Cli.Commands;

/// <summary>The loss of a checkpoint or of a written folder on a text.</summary>
internal sealed class PerplexityCommand : SlebCommand
{
    private readonly Argument<string> _model = CommandOptions.Folder("MODEL_OR_FOLDER", "A Hugging Face folder or hub id (org/name, org/name@revision), or an ONNX Runtime GenAI folder.");
    private readonly Option<string?> _text = CommandOptions.Path("--text", "FILE", "The text: .txt, .jsonl of texts or of input_ids, or either with .gz.");
    private readonly Option<int?> _sequenceLength = CommandOptions.Whole("--sequence-length", "Tokens a window. Default: 512, or the model's context where that is shorter.", minimum: 2);
    private readonly Option<int?> _windows = CommandOptions.Whole("--windows", "How many windows from the start. Default: all.", minimum: 1);
    private readonly Option<string?> _join = CommandOptions.Join();

    public PerplexityCommand() : base("perplexity", "Measure the perplexity of a model on a text.")
    {
        _text.Required = true;
        Add(_model);
        foreach (Option option in new Option[] { _text, _sequenceLength, _windows, _join }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        TextSource ReadText() => CommandOptions.ReadText(call.GetValue(_text)!, call.GetValue(_join), context.Cancellation);
        string folder = ModelPath.Require(call.GetRequiredValue(_model), context, beforeDownload: () => ReadText()).Folder;
        var text = ReadText();
        var (length, most) = (call.GetValue(_sequenceLength), call.GetValue(_windows));
        var summary = ModelPath.IsGenAI(folder) ? OfShipped(folder, text, length, most, context) : OfCheckpoint(folder, text, length, most, context);
        if (context.Json)
        {
            JsonOutput.Write(context.Output, PerplexityDocument.Of(summary));
            return;
        }
        var lines = new ResultLines(context.Console);
        lines.Add("Perplexity", Numbers.Perplexity(summary.Perplexity));
        lines.Add("Loss", Numbers.Loss(summary.MeanNll) + (summary.StandardError is { } error ? $" ± {Numbers.Loss(error)}" : "") + " nats per token");
        lines.Add("Measured on", $"{summary.WindowNll.Count} windows, {Numbers.Count(summary.Tokens)} tokens of {Paths.Short(text.Name)}");
    }

    private static NllSummary OfCheckpoint(string folder, TextSource text, int? sequenceLength, int? most, CommandContext context)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var windows = Windows(folder, text, checkpoint.Config.MaxPositionEmbeddings, checkpoint.Config.VocabSize, sequenceLength, most, context);
        using var model = TorchModel.Load(checkpoint, cancellationToken: context.Cancellation);
        return WindowProgress.Measure(context, windows, window => model.WindowNll([window], null, context.Cancellation)[0]);
    }

    private static NllSummary OfShipped(string folder, TextSource text, int? sequenceLength, int? most, CommandContext context)
    {
        using var model = GenAIModel.Load(folder);
        return OfShipped(model, text, sequenceLength, most, context);
    }

    /// <summary>The loss of a folder that is loaded.</summary>
    /// <param name="sequenceLength">Tokens a window; null is the default.</param>
    /// <param name="most">How many windows; null is all.</param>
    public static NllSummary OfShipped(GenAIModel model, TextSource text, int? sequenceLength, int? most, CommandContext context)
    {
        var windows = Windows(model.Folder, text, model.ContextLength, model.VocabSize, sequenceLength, most, context);
        return WindowProgress.Measure(context, windows, window => model.TokenNll(window, context.Cancellation).Average());
    }

    private static IReadOnlyList<int[]> Windows(
        string folder, TextSource text, int contextLength, int vocabulary, int? sequenceLength, int? most, CommandContext context)
    {
        int length = TokenWindows.Length(sequenceLength, contextLength);
        var windows = TokenWindows.Cut(text, () => HuggingFaceTokenizer.Load(folder), length, most, contextLength, vocabulary);
        if (windows.Count < most)
            context.Diagnostics.Warning($"{text.Name} holds {windows.Count} windows of {length} tokens, fewer than the {most} asked for.");
        context.Cancellation.ThrowIfCancellationRequested();
        return windows;
    }
}
