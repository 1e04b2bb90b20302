namespace Sleb.Core.Tokenization;

/// <summary>The <c>added_tokens</c> of a tokenizer.json.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<string, AddedToken> _byContent = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _byId = [];

    public AddedTokens(JsonPart part, TokenModel model, Func<string, string> normalize)
    {
        int next = model.Count;
        if (!part.IsNull)
            foreach (var item in part.Items())
            {
                string content = item.String("content");
                if (content.Length == 0) continue;
                if (item.Flag("single_word"))
                    throw item.Unsupported($"single_word for the added token {content}", "added tokens found anywhere");
                // The file's own id does not count: a token of the vocabulary keeps its id, others are numbered from its end, as in the original.
                int id = model.TokenToId(content) ?? next++;
                var token = new AddedToken(content, id, item.Flag("special"), item.Flag("normalized", true), item.Flag("lstrip"), item.Flag("rstrip"));
                if (!_byContent.TryAdd(content, token)) throw item.Damaged($"the added token {content} stands there twice");
                _byId[id] = token;
            }
        Verbatim = new(_byContent.Values.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        Normalized = new(_byContent.Values.Where(token => token.Normalized).Select(token => (normalize(token.Content), token)));
    }

    /// <summary>Finds the tokens that stand in the text as it is.</summary>
    public AddedTokenFinder Verbatim { get; }

    /// <summary>Finds the tokens that stand in normalized text.</summary>
    public AddedTokenFinder Normalized { get; }

    public IReadOnlyCollection<AddedToken> All => _byContent.Values;

    public AddedToken? ByContent(string content) => _byContent.GetValueOrDefault(content);

    public AddedToken? ById(int id) => _byId.GetValueOrDefault(id);
}
