using System.Globalization;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.Surgery;

/// <summary>How a package names the KV cache of its blocks: genai_config.json gives patterns with %d for the number.</summary>
internal sealed class CacheNames
{
    private readonly (string Before, string After)[] _patterns;

    /// <param name="decoder">genai_config.json's <c>model.decoder</c>.</param>
    /// <exception cref="CheckpointException">A pattern has no %d.</exception>
    public CacheNames(JsonObject decoder) => _patterns =
    [
        Pattern(decoder, "inputs", "past_key_names", "past_key_values.%d.key"),
        Pattern(decoder, "inputs", "past_value_names", "past_key_values.%d.value"),
        Pattern(decoder, "outputs", "present_key_names", "present.%d.key"),
        Pattern(decoder, "outputs", "present_value_names", "present.%d.value"),
    ];

    /// <summary>The block whose cache <paramref name="name"/> is; null for every other name.</summary>
    public int? Block(string name) => Find(name)?.Block;

    /// <summary>The same name for another block.</summary>
    public string Renumber(string name, int block)
    {
        var (pattern, _) = Find(name) ?? throw new ArgumentException($"'{name}' names no cache.");
        return string.Create(CultureInfo.InvariantCulture, $"{pattern.Before}{block}{pattern.After}");
    }

    private ((string Before, string After) Pattern, int Block)? Find(string name)
    {
        foreach (var (before, after) in _patterns)
            if (name.Length > before.Length + after.Length && name.StartsWith(before, StringComparison.Ordinal) && name.EndsWith(after, StringComparison.Ordinal)
                && int.TryParse(name.AsSpan(before.Length, name.Length - before.Length - after.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int block))
                return ((before, after), block);
        return null;
    }

    private static (string, string) Pattern(JsonObject decoder, string side, string key, string absent)
    {
        string pattern = DecoderPackage.Text((decoder[side] as JsonObject)?[key]) ?? absent;
        string[] parts = pattern.Split("%d");
        return parts.Length == 2 ? (parts[0], parts[1])
            : throw new CheckpointException($"genai_config.json has {key} '{Excerpt.Of(pattern)}'; a name with one %d for the block's number is expected.");
    }
}
