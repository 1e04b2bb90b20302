using Sleb.Core.Tokenization;
using Sleb.Onnx.Runtime;

namespace Sleb.MLNet.Reporting;

/// <summary>One prompt, and how a folder goes on from it.</summary>
/// <param name="Tokens">Of the prompt and of the greedy answer behind it: their text, and their loss in nats, given those before.</param>
/// <param name="PromptTokens">How many of them are the prompt's.</param>
internal sealed record PromptAnswer(IReadOnlyList<PromptAnswer.Token> Tokens, int PromptTokens)
{
    /// <param name="Nll">Null for the first, which nothing stands before.</param>
    internal sealed record Token(string Text, double? Nll);

    /// <summary>Runs a folder on prompts of at least one token each.</summary>
    public static IReadOnlyList<PromptAnswer> Read(string folder, IReadOnlyList<string> prompts, int newTokens, CancellationToken cancellationToken)
    {
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        using var model = GenAIModel.Load(folder, fallbackToCpu: true);
        return [.. prompts.Select(Answer)];

        PromptAnswer Answer(string prompt)
        {
            int[] given = tokenizer.Encode(prompt);
            int room = Math.Min(newTokens, model.ContextLength - given.Length);
            int[] ids = [.. given, .. room > 0 ? model.Generate(given, new GenerationOptions { MaxNewTokens = room }, null, cancellationToken) : []];
            double[] losses = ids.Length > 1 ? model.TokenNll(ids, cancellationToken) : [];
            var text = tokenizer.CreateStreamDecoder();
            return new([.. ids.Select((id, i) => new Token(text.Append(id) + (i == ids.Length - 1 ? text.Finish() : ""), i == 0 ? null : losses[i - 1]))], given.Length);
        }
    }
}
