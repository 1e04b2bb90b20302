using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>What tokenizer_config.json, special_tokens_map.json and added_tokens.json say beside a vocabulary that has no tokenizer.json.</summary>
/// <remarks>Merged as transformers does: an <c>added_tokens_decoder</c> makes the two other files count for nothing.</remarks>
internal sealed class TokenizerSettings
{
    public const string FileName = "tokenizer_config.json";

    private static readonly string[] _roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly string _folder;
    private readonly Dictionary<string, bool> _flags = [];
    private readonly Dictionary<string, AddedToken?> _byRole = [];
    private readonly List<AddedToken> _additional = [];
    private readonly List<AddedToken> _added = [];

    public TokenizerSettings(string folder)
    {
        _folder = folder;
        bool decoder = false;
        Read(FileName, part =>
        {
            Class = part["tokenizer_class"].IsNull ? null : part.String("tokenizer_class") is var name && name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^4] : name;
            foreach (string flag in (string[])["add_bos_token", "add_eos_token", "add_prefix_space", "legacy"])
                if (!part[flag].IsNull) _flags[flag] = part[flag].AsBoolean();
            ReadRoles(part);
            decoder = !part["added_tokens_decoder"].IsNull;
            if (decoder) _added.AddRange(part["added_tokens_decoder"].Members().Select(member => Token(member.Value, Id(member.Name, member.Value))));
        });
        if (!decoder)
        {
            Read("special_tokens_map.json", ReadRoles);
            Read("added_tokens.json", part => _added.AddRange(part.Members().Select(member => new AddedToken(
                member.Name, member.Value.AsInteger(), IsSpecial(member.Name), !IsSpecial(member.Name), false, false))));
        }
    }

    /// <summary>The <c>tokenizer_class</c> without its Fast, or null.</summary>
    public string? Class { get; private set; }

    public bool Flag(string name, bool otherwise) => _flags.GetValueOrDefault(name, otherwise);

    /// <summary>The content of the token in a role such as <c>bos_token</c>; the family's own where the files say nothing, null where they say null.</summary>
    public string? Role(string role, string? otherwise) => _byRole.TryGetValue(role, out var token) ? token?.Content : otherwise;

    /// <summary>All added tokens, in the order of their ids.</summary>
    /// <param name="own">Those the vocabulary itself knows.</param>
    /// <param name="roles">The family's own tokens, where the files do not say otherwise.</param>
    /// <param name="idOf">The id of a token of the vocabulary.</param>
    /// <param name="count">The size of the vocabulary.</param>
    public IReadOnlyList<AddedToken> Tokens(IEnumerable<AddedToken> own, IReadOnlyDictionary<string, string> roles, Func<string, int?> idOf, int count)
    {
        var tokens = own.ToDictionary(token => token.Content, StringComparer.Ordinal);
        var special = _byRole.Values.OfType<AddedToken>().Concat(roles.Where(role => !_byRole.ContainsKey(role.Key)).Select(role => Special(role.Value))).Concat(_additional).ToArray();
        foreach (var token in _added) tokens[token.Content] = token with { Special = token.Special || special.Any(each => each.Content == token.Content) };
        var listed = _added.Select(token => token.Content).ToHashSet(StringComparer.Ordinal);
        int next = Math.Max(count, tokens.Values.Select(token => token.Id + 1).DefaultIfEmpty(0).Max());
        foreach (var token in special.Where(token => token.Content.Length > 0 && listed.Add(token.Content)))
            tokens[token.Content] = token with { Id = idOf(token.Content) ?? next++ };

        // A tokenizer.json numbers what is not in the vocabulary from its end: any other id has no place there.
        var ordered = tokens.Values.OrderBy(token => token.Id).ToArray();
        int end = count;
        foreach (var token in ordered)
            if ((idOf(token.Content) ?? end++) is var expected && expected != token.Id)
                throw new CheckpointException($"{_folder} gives the added token {token.Content} the id {token.Id}, but its vocabulary leaves it {expected}. Save the tokenizer with transformers, which writes tokenizer.json, and use that.");
        return ordered;
    }

    /// <summary>The tokens around every text, as <c>add_bos_token</c> and <c>add_eos_token</c> say.</summary>
    public IReadOnlyList<AddedToken> Around(string flag, bool otherwise, string? content, IReadOnlyList<AddedToken> tokens)
    {
        if (!Flag(flag, otherwise)) return [];
        return tokens.FirstOrDefault(token => token.Content == content) is { } token
            ? [token]
            : throw new CheckpointException($"{Path.Combine(_folder, FileName)} sets {flag}, but there is no such token. Fetch the file again from where the model came from.");
    }

    public CheckpointException Unsupported(string found, string supported) =>
        new($"{Path.Combine(_folder, FileName)} asks for {found}, which cannot be reproduced exactly without a tokenizer.json; supported: {supported}. Copy tokenizer.json from where the model came from, or save it with transformers.");

    private void Read(string name, Action<JsonPart> read)
    {
        string path = Path.Combine(_folder, name);
        if (File.Exists(path)) JsonFile.Read(path, part => { read(part); return true; });
    }

    private void ReadRoles(JsonPart part)
    {
        foreach (string role in _roles)
            if (part.Has(role)) _byRole[role] = part[role].IsNull ? null : RoleToken(part[role]);
        if (!part["additional_special_tokens"].IsNull) _additional.AddRange(part["additional_special_tokens"].Items().Select(RoleToken));
    }

    private static AddedToken RoleToken(JsonPart part) => part.IsString ? Special(part.AsString()) : Token(part, -1) with { Special = true };

    private static AddedToken Special(string content) => new(content, -1, true, false, false, false);

    private bool IsSpecial(string content) => _byRole.Values.OfType<AddedToken>().Concat(_additional).Any(token => token.Content == content);

    private static AddedToken Token(JsonPart part, int id)
    {
        string content = part.String("content");
        if (part.Flag("single_word")) throw part.Unsupported($"single_word for the added token {content}", "added tokens found anywhere");
        bool special = part.Flag("special");
        return new(content, id, special, part.Flag("normalized", !special), part.Flag("lstrip"), part.Flag("rstrip"));
    }

    private static int Id(string text, JsonPart part) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int id)
            ? id
            : throw part.Damaged($"{part.Where} is not keyed by a whole number");
}
