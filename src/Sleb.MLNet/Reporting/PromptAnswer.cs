using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Runtime;

namespace Sleb.MLNet.Reporting;

/// <summary>One prompt, and how a folder goes on from it.</summary>
/// <param name="Tokens">Of the prompt and of the greedy answer behind it: their text, and their loss in nats, given those before.</param>
/// <param name="PromptTokens">How many of them are the prompt's.</param>
internal sealed record PromptAnswer(IReadOnlyList<PromptAnswer.Token> Tokens, int PromptTokens)
{
    /// <param name="Nll">Null for the first, which nothing stands before.</param>
    internal sealed record Token(string Text, double? Nll);

    /// <summary>Runs a folder on prompts.</summary>
    /// <exception cref="InvalidDataException">A prompt has no token, or leaves no room for an answer; none is answered then.</exception>
    public static IReadOnlyList<PromptAnswer> Read(string folder, IReadOnlyList<string> prompts, int newTokens, CancellationToken cancellationToken)
    {
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        int context = GenAIConfig.Read(folder).ContextLength;
        var given = prompts.Select(Encode).ToList();
        using var model = GenAIModel.Load(folder, fallbackToCpu: true);
        return [.. given.Select(Answer)];

        int[] Encode(string prompt)
        {
            int[] ids = tokenizer.Encode(prompt);
            if (ids.Length == 0) throw new InvalidDataException($"The prompt “{Excerpt.Of(prompt)}” has no token in {folder}; leave it out.");
            if (ids.Length < context) return ids;
            throw new InvalidDataException(FormattableString.Invariant(
                $"The prompt “{Excerpt.Of(prompt)}” has {ids.Length} tokens in {folder}, whose context of {context} takes at most {context - 1} and an answer; shorten the prompt."));
        }

        PromptAnswer Answer(int[] prompt)
        {
            int[] ids = [.. prompt, .. model.Generate(prompt, new GenerationOptions { MaxNewTokens = newTokens }, null, cancellationToken)];
            double[] losses = ids.Length > 1 ? model.TokenNll(ids, cancellationToken) : []; // one token alone has none: the answer may be empty
            var text = tokenizer.CreateStreamDecoder();
            return new([.. ids.Select((id, i) => new Token(text.Append(id) + (i == ids.Length - 1 ? text.Finish() : ""), i == 0 ? null : losses[i - 1]))], prompt.Length);
        }
    }
}
