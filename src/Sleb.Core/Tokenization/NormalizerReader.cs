using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>Reads the <c>normalizer</c> of a tokenizer.json as one function over text.</summary>
internal static class NormalizerReader
{
    private const string Supported = "Sequence, NFC, NFD, NFKC, NFKD, Strip, Prepend, Replace, Precompiled";

    public static Func<string, string> Read(JsonPart part)
    {
        if (part.IsNull) return text => text;
        switch (part.Type)
        {
            case "Sequence":
                var steps = part["normalizers"].Items().Select(Read).ToArray();
                return text => steps.Aggregate(text, (current, step) => step(current));
            case "NFC": return Form(part, NormalizationForm.FormC);
            case "NFD": return Form(part, NormalizationForm.FormD);
            case "NFKC": return Form(part, NormalizationForm.FormKC);
            case "NFKD": return Form(part, NormalizationForm.FormKD);
            case "Strip":
                var (left, right) = (part.Flag("strip_left"), part.Flag("strip_right"));
                return text => (left, right) switch { (true, true) => text.Trim(), (true, false) => text.TrimStart(), (false, true) => text.TrimEnd(), _ => text };
            case "Prepend":
                string prefix = part.String("prepend");
                return text => text.Length == 0 ? text : prefix + text;
            case "Replace":
                var (pattern, content) = (TextPattern.Read(part["pattern"]), part.String("content"));
                return text => pattern.Replace(text, content);
            case "Precompiled": return new CharacterMap(part).Normalize;
            default: throw part.Unsupported($"the normalizer {part.Type}", Supported);
        }
    }

    /// <summary>Whether every character of the result stands for the one at its place, so that the text's beginning stays recognisable.</summary>
    public static bool KeepsTheBeginning(JsonPart part) => part.IsNull || part.Type switch
    {
        "Sequence" => part["normalizers"].Items().All(KeepsTheBeginning),
        "NFC" => true,
        "Replace" => part["pattern"] is { IsNull: false } pattern && !pattern["String"].IsNull && pattern.String("String").Length == 1 && part.String("content").Length == 1,
        _ => false,
    };

    private static Func<string, string> Form(JsonPart part, NormalizationForm form)
    {
        if ("e\u0301".Normalize(NormalizationForm.FormC).Length != 1)
            throw part.Unsupported($"the normalizer {part.Type} while .NET runs without ICU", "any normalizer once libicu is installed and InvariantGlobalization is off");
        return text => UnicodeForms.Normalize(text, form);
    }
}
