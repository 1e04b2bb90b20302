using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>In what the blocks of one model differ, by their original index: windows, RoPE, experts.</summary>
internal static class BlockPattern
{
    public const string Local = "sliding_attention", Global = "full_attention";

    /// <summary>Keys that a query of each block sees, itself included; null sees all.</summary>
    public static int?[] Windows(ModelConfig config) => config.ModelType switch
    {
        "qwen2" or "qwen3" => Qwen(config),
        "qwen3_moe" => [.. Blocks(config).Select(_ => QwenWindow(config))],
        "smollm3" => SmolLM3(config),
        "phi3" => [.. Blocks(config).Select(_ => Window(config, absent: null))],
        "gemma2" or "gemma3_text" => Gemma(config),
        _ => [.. Blocks(config).Select(_ => config.SlidingWindow)],
    };

    /// <summary>SmolLM3: whether each block rotates queries and keys; in no_rope_layers 1 is a block that does.</summary>
    public static bool[] HasRope(ModelConfig config)
    {
        if (config.Node("no_rope_layers") is not null)
            return PerBlock(config, "no_rope_layers", "0 or 1", value => value.TryGetValue(out int number) ? number != 0 : null);
        int interval = config.Int("no_rope_layer_interval", absent: 4);
        return Each(config, i => (i + 1) % interval != 0);
    }

    /// <summary>Qwen3-MoE: whether each block has experts; the others have an ordinary MLP.</summary>
    public static bool[] IsSparse(ModelConfig config)
    {
        int step = config.Int("decoder_sparse_step", absent: 1);
        var dense = new HashSet<int>();
        if (config.Node("mlp_only_layers") is { } listed)
            foreach (var node in listed as JsonArray ?? [null])
                dense.Add(node is JsonValue value && value.TryGetValue(out int block) ? block
                    : throw new CheckpointException($"config.json has mlp_only_layers {Excerpt.Of(listed.ToJsonString())}; an array of block numbers is expected."));
        return Each(config, i => !dense.Contains(i) && (i + 1) % step == 0);
    }

    /// <summary>Qwen's first local block; 28 where the config does not say.</summary>
    public static double MaxWindowLayers(ModelConfig config) => config.Number("max_window_layers", 28);

    /// <summary>Blocks from max_window_layers on are local, where windows are used at all.</summary>
    private static int?[] Qwen(ModelConfig config)
    {
        int? window = QwenWindow(config);
        return Windows(config, window, LocalByType(config) ?? Each(config, i => window is not null && i >= MaxWindowLayers(config)));
    }

    private static int? QwenWindow(ModelConfig config) => config.Bool("use_sliding_window", absent: false) ? Window(config, absent: 4096) : null;

    /// <summary>Where windows are used, the blocks without RoPE are local.</summary>
    private static int?[] SmolLM3(ModelConfig config)
    {
        int? window = Window(config, absent: null);
        bool used = window is not null && config.Bool("use_sliding_window", absent: false);
        bool[] rope = HasRope(config);
        return Windows(config, window, LocalByType(config) ?? Each(config, i => used && !rope[i]));
    }

    /// <summary>Every second block (Gemma 2) or every sliding_window_pattern-th (Gemma 3) is global.</summary>
    private static int?[] Gemma(ModelConfig config)
    {
        int interval = config.ModelType == "gemma2" ? 2 : config.Int("sliding_window_pattern", absent: 6);
        return Windows(config, Window(config, absent: 4096), LocalByType(config) ?? Each(config, i => (i + 1) % interval != 0));
    }

    private static int? Window(ModelConfig config, int? absent) =>
        config.Has("sliding_window") ? config.Int("sliding_window") : config.Names("sliding_window") ? null : absent;

    private static int?[] Windows(ModelConfig config, int? window, bool[] local) => local.Contains(true) && window is null
        ? throw new CheckpointException($"config.json has {Local} layers, but no sliding_window in use; {config.ModelType} needs its size there.")
        : [.. local.Select(isLocal => isLocal ? window : null)];

    private static bool[]? LocalByType(ModelConfig config) => config.Node("layer_types") is null ? null
        : PerBlock(config, "layer_types", $"{Local} or {Global}", value => value.TryGetValue(out string? type) && type is Local or Global ? type == Local : null);

    private static bool[] PerBlock(ModelConfig config, string name, string expected, Func<JsonValue, bool?> read)
    {
        int blocks = config.NumHiddenLayers;
        var node = config.Node(name)!;
        // A longer array is read from the front.
        bool?[] values = [.. (node as JsonArray ?? []).Take(blocks).Select(item => item is JsonValue value ? read(value) : null)];
        return values.Length == blocks && !values.Contains(null) ? [.. values.Select(value => value!.Value)]
            : throw new CheckpointException($"config.json has {name} {Excerpt.Of(node.ToJsonString())}; an array of {expected} for each of the {blocks} blocks is expected.");
    }

    private static bool[] Each(ModelConfig config, Func<int, bool> holds) => [.. Blocks(config).Select(holds)];

    private static IEnumerable<int> Blocks(ModelConfig config) => Enumerable.Range(0, config.NumHiddenLayers);
}
