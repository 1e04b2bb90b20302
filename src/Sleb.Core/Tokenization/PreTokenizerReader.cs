using System.Globalization;
using System.Text;

namespace Sleb.Core.Tokenization;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json as the list of its steps.</summary>
internal static class PreTokenizerReader
{
    public static List<PreTokenizerStep> Read(JsonPart part)
    {
        var steps = new List<PreTokenizerStep>();
        if (!part.IsNull) Add(part, steps);
        return steps;
    }

    private static void Add(JsonPart part, List<PreTokenizerStep> steps)
    {
        if (part.Type == "Sequence")
            foreach (var item in part["pretokenizers"].Items()) Add(item, steps);
        else steps.Add(Step(part, steps.Count));
    }

    private static PreTokenizerStep Step(JsonPart part, int index) => part.Type switch
    {
        "ByteLevel" => new ByteLevelStep(part.Flag("add_prefix_space"), part.Flag("use_regex", true)),
        "Split" => new SplitStep(TextPattern.Read(part["pattern"]), Behavior(part["behavior"]), part.Flag("invert")),
        "Digits" => new SplitStep(TextPattern.Characters(Rune.IsNumber), part.Flag("individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous),
        "Punctuation" => new SplitStep(TextPattern.Characters(IsPunctuation), part["behavior"].IsNull ? SplitBehavior.Isolated : Behavior(part["behavior"])),
        "WhitespaceSplit" => new SplitStep(TextPattern.Characters(Rune.IsWhiteSpace), SplitBehavior.Removed),
        "Metaspace" => Metaspace(part, index),
        string other => throw part.Unsupported($"the pre-tokenizer {other}", "ByteLevel, Split, Digits, Punctuation, WhitespaceSplit, Metaspace, Sequence"),
    };

    private static MetaspaceStep Metaspace(JsonPart part, int index)
    {
        var scheme = Scheme(part);
        // Behind another step the original's idea of "first" depends on how that step moved the offsets.
        if (scheme is PrependScheme.First && index > 0)
            throw part.Unsupported("Metaspace with prepend_scheme first behind another pre-tokenizer", "it as the first step");
        return new MetaspaceStep(Replacement(part), scheme, part.Flag("split", true));
    }

    public static char Replacement(JsonPart part) =>
        part.String("replacement") is [char replacement]
            ? replacement
            : throw part.Unsupported($"the replacement {part.String("replacement")}", "one character up to U+FFFF");

    public static PrependScheme Scheme(JsonPart part)
    {
        if (part["prepend_scheme"].IsNull) return part.Flag("add_prefix_space", true) ? PrependScheme.Always : PrependScheme.Never;
        return part.String("prepend_scheme") switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            string other => throw part.Unsupported($"the prepend_scheme {other}", "always, first, never"),
        };
    }

    private static SplitBehavior Behavior(JsonPart part) =>
        Enum.TryParse(part.AsString(), out SplitBehavior behavior) && Enum.GetName(behavior) == part.AsString()
            ? behavior
            : throw part.Unsupported($"the split behaviour {part.AsString()}", string.Join(", ", Enum.GetNames<SplitBehavior>()));

    private static bool IsPunctuation(Rune rune) =>
        (rune.IsAscii && (Rune.IsPunctuation(rune) || Rune.IsSymbol(rune))) || Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;
}
