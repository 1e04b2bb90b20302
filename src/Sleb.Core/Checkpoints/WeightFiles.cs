using System.Text.Json.Nodes;

namespace Sleb.Core.Checkpoints;

/// <summary>The safetensors files of a model folder: one, or the shards that an index names.</summary>
internal static class WeightFiles
{
    public const string SingleFile = "model.safetensors";
    public const string IndexFile = "model.safetensors.index.json";

    /// <summary>Full paths in ordinal order, and for a sharded model which file (by name) the index promises each tensor in.</summary>
    /// <remarks>Where a folder holds both, the single file is the model, as transformers has it.</remarks>
    public static (IReadOnlyList<string> Files, IReadOnlyDictionary<string, string> WeightMap) Find(string folder)
    {
        string single = Path.Combine(folder, SingleFile), index = Path.Combine(folder, IndexFile);
        if (File.Exists(single)) return ([single], new Dictionary<string, string>());
        if (!File.Exists(index))
            throw new CheckpointException($"{folder} holds neither {SingleFile} nor {IndexFile}; download the safetensors weights of the model into it.");
        var weightMap = ReadIndex(index);
        var names = ShardNames(index, weightMap);
        foreach (string name in names)
            if (!File.Exists(Path.Combine(folder, name)))
                throw new CheckpointException($"{folder} lacks the shard {Excerpt.Of(name)} that {IndexFile} names; download it.");
        return (names.ConvertAll(name => Path.Combine(folder, name)), weightMap);
    }

    /// <summary>The names of the shards that an index asks for, in ordinal order.</summary>
    public static IReadOnlyList<string> ReadShards(string index) => ShardNames(index, ReadIndex(index));

    private static List<string> ShardNames(string index, Dictionary<string, string> weightMap)
    {
        var names = weightMap.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        foreach (string name in names)
            // A name with a folder in it could make a downloaded index read any file of this machine.
            if (name != Path.GetFileName(name) || name.Contains('\\') || !name.EndsWith(".safetensors", StringComparison.Ordinal))
                throw new CheckpointException($"{index} names the file '{Excerpt.Of(name)}', which is not a .safetensors file in the folder itself.");
        return names;
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        if (JsonFile.Read(path)["weight_map"] is not JsonObject { Count: > 0 } map)
            throw new CheckpointException($"{path} is not a safetensors index: it needs an object 'weight_map' of tensor names to file names.");
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tensor, node) in map)
            files[tensor] = node is JsonValue value && value.TryGetValue(out string? file) ? file
                : throw new CheckpointException($"{path} gives tensor '{Excerpt.Of(tensor)}' the file {Excerpt.Of(node?.ToJsonString() ?? "null")}; the name of a shard is expected.");
        return files;
    }
}
