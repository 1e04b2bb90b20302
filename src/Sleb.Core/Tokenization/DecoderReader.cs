namespace Sleb.Core.Tokenization;

/// <summary>Reads the <c>decoder</c> of a tokenizer.json.</summary>
internal static class DecoderReader
{
    public static DecoderStep Read(JsonPart part)
    {
        if (part.IsNull) return DecoderSteps.JoinWithSpaces;
        var parts = Flatten(part).ToArray();
        var steps = new List<DecoderStep>();
        for (int i = 0; i < parts.Length; i++)
        {
            bool last = i == parts.Length - 1;
            if (parts[i].Type == "Fuse" && !last && parts[i + 1] is { Type: "Strip" } strip && Stop(strip) == 0)
            {
                steps.Add(DecoderSteps.StripBeginning(Content(strip), Start(strip)));
                if (++i < parts.Length - 1) steps.Add(DecoderSteps.Fuse);
                continue;
            }
            steps.Add(Step(parts[i]));
            // ByteLevel gives the original's next step one string, here it may give many.
            if (parts[i].Type == "ByteLevel" && !last) steps.Add(DecoderSteps.Fuse);
        }
        return next => Enumerable.Reverse(steps).Aggregate(next, (following, step) => step(following));
    }

    private static IEnumerable<JsonPart> Flatten(JsonPart part) =>
        part.Type == "Sequence" ? part["decoders"].Items().SelectMany(Flatten) : [part];

    private static DecoderStep Step(JsonPart part)
    {
        switch (part.Type)
        {
            case "ByteLevel": return DecoderSteps.ByteLevel;
            case "ByteFallback": return DecoderSteps.ByteFallback;
            case "Fuse": return DecoderSteps.Fuse;
            case "Strip": return DecoderSteps.Strip(Content(part), Start(part), Stop(part));
            case "Metaspace": return DecoderSteps.Metaspace(PreTokenizerReader.Replacement(part), PreTokenizerReader.Scheme(part) is not PrependScheme.Never);
            case "Replace":
                var (pattern, content) = (TextPattern.Read(part["pattern"]), part.String("content"));
                return DecoderSteps.Map(token => pattern.Replace(token, content));
            default: throw part.Unsupported($"the decoder {part.Type}", "ByteLevel, ByteFallback, Replace, Strip, Fuse, Metaspace, Sequence");
        }
    }

    private static char Content(JsonPart part) =>
        part.String("content") is [char content]
            ? content
            : throw part.Unsupported($"the content {part.String("content")}", "one character up to U+FFFF");

    private static int Start(JsonPart part) => part["start"].AsInteger();

    private static int Stop(JsonPart part) => part["stop"].AsInteger();
}
