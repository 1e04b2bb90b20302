using System.Text.Json.Nodes;
using Sleb.Core.Families;

namespace Sleb.Core.Checkpoints;

/// <summary>The config.json of a model with fewer blocks: whatever depends on a block's index is cut or rewritten, all else stays as it is.</summary>
internal static class PrunedConfig
{
    /// <summary>Arrays with one entry a block.</summary>
    private static readonly string[] PerBlock = ["layer_types", "no_rope_layers", "mlp_layer_types"];

    /// <exception cref="CheckpointException">A key ties blocks to their index in a way no config of fewer blocks can say.</exception>
    public static JsonObject Cut(ModelConfig config, IReadOnlyList<int> survivors)
    {
        var json = config.Json();
        int blocks = config.NumHiddenLayers;
        WriteImplied(config, json, blocks);
        foreach (string name in PerBlock) CutArray(json, name, blocks, survivors);
        CutExperts(config, json, survivors);
        // Blocks from there on are local; Qwen has a first one even where its config does not say.
        if (config.Bool("use_sliding_window", absent: false) && (config.Has("max_window_layers") || config.ModelType is "qwen2" or "qwen3"))
            json["max_window_layers"] = survivors.Count(block => block < BlockPattern.MaxWindowLayers(config));
        if (config.Bool("scale_attn_by_inverse_layer_idx", absent: false) && survivors[^1] != survivors.Count - 1)
            throw new CheckpointException("config.json has scale_attn_by_inverse_layer_idx true: attention is scaled by the block's index, so only the last blocks of this model can be removed.");
        json[config.Key("num_hidden_layers")] = survivors.Count;
        if (json.ContainsKey("num_hidden_layers")) json["num_hidden_layers"] = survivors.Count; // beside the family's own spelling
        return json;
    }

    /// <summary>Patterns that a config implies by the index are written out, since they would start anew over the survivors.</summary>
    private static void WriteImplied(ModelConfig config, JsonObject json, int blocks)
    {
        if (config.ModelType == "smollm3" && !config.Has("no_rope_layers"))
            json["no_rope_layers"] = Every(config.Int("no_rope_layer_interval", 4), 0, 1);
        if (config.ModelType is "gemma2" or "gemma3" or "gemma3_text" && !config.Has("layer_types"))
            json["layer_types"] = Every(config.ModelType == "gemma2" ? 2 : config.Int("sliding_window_pattern", 6), BlockPattern.Global, BlockPattern.Local);

        JsonArray Every(int interval, JsonNode last, JsonNode others) =>
            [.. Enumerable.Range(1, blocks).Select(i => (i % interval == 0 ? last : others).DeepClone())];
    }

    private static void CutArray(JsonObject json, string name, int blocks, IReadOnlyList<int> survivors)
    {
        if (json[name] is not { } node) return;
        // A longer array is read from the front; a shorter one says nothing about the last blocks.
        if (node is not JsonArray array || array.Count < blocks)
            throw new CheckpointException($"config.json has {name} {Excerpt.Of(node.ToJsonString())}; an array with an entry for each of the {blocks} blocks is expected.");
        json[name] = new JsonArray([.. survivors.Select(block => array[block]?.DeepClone())]);
    }

    /// <summary>Qwen's mixture of experts names its dense blocks by index, and may make every n-th block sparse.</summary>
    private static void CutExperts(ModelConfig config, JsonObject json, IReadOnlyList<int> survivors)
    {
        if (!config.Has("decoder_sparse_step") && !config.Has("mlp_only_layers")) return;
        int step = config.Int("decoder_sparse_step", 1);
        var listed = new HashSet<int>();
        foreach (var node in json["mlp_only_layers"] as JsonArray ?? [])
            listed.Add(node is JsonValue value && value.TryGetValue(out int block) ? block
                : throw new CheckpointException($"config.json has mlp_only_layers {Excerpt.Of(json["mlp_only_layers"]!.ToJsonString())}; an array of block numbers is expected."));
        bool IsDense(int block) => listed.Contains(block) || (block + 1) % step != 0;
        json["mlp_only_layers"] = new JsonArray([.. Enumerable.Range(0, survivors.Count).Where(i => IsDense(survivors[i])).Select(i => (JsonNode)i)]);
        json["decoder_sparse_step"] = 1;
    }
}
