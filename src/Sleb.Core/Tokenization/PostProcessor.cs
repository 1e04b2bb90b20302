namespace Sleb.Core.Tokenization;

/// <summary>The special tokens that the <c>post_processor</c> of a tokenizer.json puts around a text.</summary>
internal sealed record PostProcessor(IReadOnlyList<int> Before, IReadOnlyList<int> After)
{
    public static PostProcessor Read(JsonPart part)
    {
        if (part.IsNull) return new([], []);
        return part.Type switch
        {
            // Only offsets change.
            "ByteLevel" => new([], []),
            "Sequence" => part["processors"].Items().Select(Read)
                .Aggregate(new PostProcessor([], []), (inner, outer) => new([.. outer.Before, .. inner.Before], [.. inner.After, .. outer.After])),
            "TemplateProcessing" => Template(part),
            string other => throw part.Unsupported($"the post-processor {other}", "ByteLevel, TemplateProcessing, Sequence"),
        };
    }

    private static PostProcessor Template(JsonPart part)
    {
        var (before, after) = (new List<int>(), new List<int>());
        bool behind = false;
        foreach (var item in part["single"].Items())
        {
            if (item["SpecialToken"].IsNull)
            {
                if (behind || item["Sequence"].String("id") != "A")
                    throw part.Unsupported("a template with more than one text", "one text with special tokens around it");
                behind = true;
            }
            else (behind ? after : before).AddRange(part["special_tokens"][item["SpecialToken"].String("id")]["ids"].Items().Select(id => id.AsInteger()));
        }
        return behind
            ? new(before, after)
            : throw part.Unsupported("a template without the text", "one text with special tokens around it");
    }
}
