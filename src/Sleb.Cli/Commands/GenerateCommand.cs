using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Sleb.Cli.Json;
using Sleb.Core.Tokenization;
using Sleb.Onnx.Runtime;

namespace Sleb.Cli.Commands;

/// <summary>Continues a prompt with the model of an ONNX Runtime GenAI folder.</summary>
internal sealed class GenerateCommand : SlebCommand
{
    private readonly Argument<string> _folder = CommandOptions.Folder("FOLDER", "What sleb export or sleb prune wrote, or another ONNX Runtime GenAI folder.");
    private readonly Option<string?> _prompt = CommandOptions.Text("--prompt", "TEXT", "The text to continue.");
    private readonly Option<int[]?> _inputIds = CommandOptions.Ids("--input-ids", "1,2,3", "The token ids to continue, taken as they are.");
    private readonly Option<int?> _maxNewTokens = CommandOptions.Whole("--max-new-tokens", "At most this many new tokens. Default: 64.", minimum: 1);
    private readonly Option<bool> _ignoreEos = CommandOptions.Flag("--ignore-eos", "Go on past an end-of-sequence token.");
    private readonly Option<double?> _temperature = CommandOptions.Number("--temperature", "Sample, with the logits divided by this; 0 is greedy.", 0, 1e4);
    private readonly Option<int?> _topK = CommandOptions.Whole("--top-k", "Sample among the N most likely tokens.", minimum: 1);
    private readonly Option<double?> _topP = CommandOptions.Number("--top-p", "Sample among the fewest tokens that hold this probability.", 0.001, 1);
    private readonly Option<int?> _seed = CommandOptions.Whole("--seed", "Sample, the same text for the same seed.", minimum: 0);

    public GenerateCommand() : base("generate", "Continue a prompt; greedily, unless a sampling option is given.")
    {
        Add(_folder);
        foreach (Option option in new Option[] { _prompt, _inputIds, _maxNewTokens, _ignoreEos, _temperature, _topK, _topP, _seed }) Add(option);
    }

    public override void Execute(ParseResult call, CommandContext context)
    {
        var (prompt, ids) = (call.GetValue(_prompt), CommandOptions.Given(call, _inputIds));
        if (prompt is null == ids is null) throw new UsageException("Give the prompt either as --prompt TEXT or as --input-ids 1,2,3.");
        string folder = ModelPath.RequireGenAI(call.GetRequiredValue(_folder));
        var tokenizer = LoadTokenizer(folder, required: prompt is not null);
        ids ??= tokenizer!.Encode(prompt!);
        if (ids.Length == 0) throw new UsageException("The prompt is empty; there is nothing to continue.");
        context.Cancellation.ThrowIfCancellationRequested();

        using var model = GenAIModel.Load(folder);
        if (ids.Length >= model.ContextLength)
            throw new UsageException($"The prompt has {ids.Length} tokens, and the model's context of {model.ContextLength} leaves no room for a new one; shorten it.");
        var options = HowToContinue(call);
        if (ids.Length + options.MaxNewTokens > model.ContextLength)
            context.Diagnostics.Warning($"The model's context of {model.ContextLength} tokens leaves room for {model.ContextLength - ids.Length} new ones.");
        Generate(model, ids, options, tokenizer, context);
    }

    private static void Generate(GenAIModel model, int[] prompt, GenerationOptions options, HuggingFaceTokenizer? tokenizer, CommandContext context)
    {
        // Decoded behind the prompt, because how a token reads can depend on whether it is the first.
        var decoder = tokenizer?.CreateStreamDecoder(skipSpecialTokens: true);
        if (decoder is not null)
            foreach (int id in prompt) decoder.Append(id);
        var text = new StringBuilder();
        int count = 0;
        var watch = Stopwatch.StartNew();
        var ids = model.Generate(prompt, options, id => Show(decoder?.Append(id) ?? (count++ == 0 ? "" : ",") + id), context.Cancellation);
        watch.Stop();
        if (decoder is not null) Show(decoder.Finish());
        if (context.Json) JsonOutput.Write(context.Output, new GenerateDocument(ids, decoder is null ? null : text.ToString(), watch.Elapsed.TotalSeconds));
        else context.Output.WriteLine();

        void Show(string piece)
        {
            text.Append(piece);
            if (context.Json) return;
            context.Output.Write(piece);
            context.Output.Flush(); // as it comes
        }
    }

    private GenerationOptions HowToContinue(ParseResult call) => new()
    {
        MaxNewTokens = call.GetValue(_maxNewTokens) ?? new GenerationOptions().MaxNewTokens,
        IgnoreEos = call.GetValue(_ignoreEos),
        Sample = call.GetValue(_temperature) != 0 && new Option[] { _temperature, _topK, _topP, _seed }.Any(option => call.GetResult(option) is not null),
        Temperature = call.GetValue(_temperature) is > 0 and { } temperature ? temperature : 1,
        TopK = call.GetValue(_topK) ?? 0,
        TopP = call.GetValue(_topP) ?? 1,
        Seed = call.GetValue(_seed),
    };

    /// <summary>The folder's tokenizer; null where it has none and none is needed.</summary>
    private static HuggingFaceTokenizer? LoadTokenizer(string folder, bool required) =>
        required || HuggingFaceTokenizer.Exists(folder) ? HuggingFaceTokenizer.Load(folder) : null;
}
