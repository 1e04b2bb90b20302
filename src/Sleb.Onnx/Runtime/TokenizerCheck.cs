using System.Text.Json;
using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.Onnx.Runtime;

/// <summary>Whether ONNX Runtime GenAI's own tokenizer gives Hugging Face's ids on a folder: programs that give it text depend on that.</summary>
internal static class TokenizerCheck
{
    /// <summary>Where tokenizers differ first: white space, digits, apostrophes, marks, alphabets, emoji, the text of tokens.</summary>
    private static readonly string[] _texts =
    [
        "Hello, world!", " leading", "trailing ", "two  spaces    and more", "tab\tand\nlines\n\n\r\nend", "I'll don't WE'RE it's", "1234567 3.14 \u00BD \u00B2",
        "ooooo###====", "caf\u00E9 cafe\u0301 na\u00EFve", "\u00C5\u212B \uFB01n \uFF21", "\u6F22\u5B57\u304B\u306A\uD55C\uAE00", "\u041F\u0440\u0438\u0432\u0435\u0442 \u043C\u0438\u0440", "\u0634\u0643\u0631\u0627 \u05E9\u05DC\u05D5\u05DD",
        "\u0928\u092E\u0938\u094D\u0924\u0947 \u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35", "\U0001F600\U0001F469\u200D\U0001F467 \u2764\uFE0F\U0001F1EB\U0001F1F7", "\U0001D400\U0001D7D8\U00020000", "a\u00A0b\u3000c\u200Bd", "\u2581x \u0120y <0x41> <unk>",
        "def f(x):\n    return x != {}[\"k\"]", "https://example.org/?q=a+b&c=%20",
    ];

    /// <summary>One sentence on where the two disagree, or null; null too where there is no tokenizer.</summary>
    public static string? Compare(GenAIModel model)
    {
        if (!HuggingFaceTokenizer.Exists(model.Folder)) return null;
        HuggingFaceTokenizer ours;
        try
        {
            ours = HuggingFaceTokenizer.Load(model.Folder);
        }
        catch (CheckpointException e)
        {
            return $"ONNX Runtime GenAI's tokenizer could not be compared with Hugging Face's: {e.Message}";
        }
        IReadOnlyList<int[]> theirs;
        try
        {
            theirs = model.Encode(_texts);
        }
        catch (CheckpointException e)
        {
            return e.Message;
        }
        // GenAI adds no special tokens unless a program asks for them.
        var wrong = Enumerable.Range(0, _texts.Length).Where(i => !ours.Encode(_texts[i], addSpecialTokens: false).SequenceEqual(theirs[i])).ToArray();
        return wrong.Length == 0 ? null
            : $"ONNX Runtime GenAI's own tokenizer gives other ids than Hugging Face's for {wrong.Length} of {_texts.Length} test texts, among them {JsonSerializer.Serialize(_texts[wrong[0]])}. The model is not affected; programs that give GenAI text instead of ids may be.";
    }
}
