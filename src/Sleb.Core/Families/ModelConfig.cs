using System.Globalization;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Families;

/// <summary>
/// A Hugging Face config.json (and generation_config.json): the fields every family has, by name the ones it needs itself,
/// and the whole JSON, so that keys nobody here knows survive when a pruned checkpoint is written.
/// </summary>
internal sealed class ModelConfig
{
    public const string FileName = "config.json";
    public const string GenerationFileName = "generation_config.json";

    private readonly JsonObject _json;
    private readonly JsonObject _generation;
    private readonly string _path;

    private ModelConfig(JsonObject json, JsonObject generation, string path)
    {
        _json = json;
        _generation = generation;
        _path = path;
        if (json["model_type"] is JsonValue value && value.TryGetValue(out string? type)) Family = FamilyRegistry.Find(type);
    }

    /// <summary>The registry's row for this model_type; null for one that is not supported.</summary>
    public Family? Family { get; }

    public string ModelType => Text("model_type") ?? throw Missing("model_type");
    public int NumHiddenLayers => Int("num_hidden_layers");
    public int HiddenSize => Int("hidden_size");
    public int IntermediateSize => Int("intermediate_size");
    public int VocabSize => Int("vocab_size");
    public int NumAttentionHeads => Int("num_attention_heads");
    public int NumKeyValueHeads
    {
        get
        {
            int heads = NumAttentionHeads, shared = Int("num_key_value_heads", heads);
            return heads % shared == 0 ? shared : throw Bad($"has num_attention_heads {heads} and num_key_value_heads {shared}; the first must be a multiple of the second");
        }
    }

    public int HeadDim
    {
        get
        {
            if (Has("head_dim")) return Int("head_dim");
            if (Text("model_type") is "qwen3") return 128;
            if (Text("model_type") is "gemma2" or "gemma3_text") return 256;
            int hidden = HiddenSize, heads = NumAttentionHeads;
            return hidden % heads == 0 ? hidden / heads : throw Bad($"has hidden_size {hidden}, which its num_attention_heads {heads} does not divide, and no head_dim");
        }
    }

    public int MaxPositionEmbeddings => Int("max_position_embeddings");

    /// <summary>Keys a query sees, itself included; null sees all. Mistral's absent key is a window of 4096, its null is none.</summary>
    public int? SlidingWindow => ModelType != "mistral" ? null
        : _json.ContainsKey("sliding_window") && !Has("sliding_window") ? null
        : Int("sliding_window", absent: 4096);

    /// <summary>The ids that end a text: generation_config.json's before config.json's.</summary>
    public IReadOnlyList<int> EosTokenIds => Ids("eos_token_id");
    public int? BosTokenId => Ids("bos_token_id") is [int first, ..] ? first : null;
    public int? PadTokenId => Ids("pad_token_id") is [int first, ..] ? first : null;

    public static ModelConfig Load(string folder)
    {
        string path = Path.Combine(folder, FileName), generation = Path.Combine(folder, GenerationFileName);
        if (!File.Exists(path)) throw new CheckpointException($"{folder} holds no {FileName}; give the folder of a Hugging Face checkpoint.");
        return new ModelConfig(JsonFile.Read(path), File.Exists(generation) ? JsonFile.Read(generation) : [], path);
    }

    /// <summary>How this file spells a field: as the family does, or by the common name, which transformers reads too.</summary>
    public string Key(string name) =>
        Family?.Spelling.GetValueOrDefault(name) is { } own && (_json.ContainsKey(own) || !_json.ContainsKey(name)) ? own : name;

    public bool Has(string name) => _json[Key(name)] is not null;

    public JsonObject? Object(string name) => _json[Key(name)] switch
    {
        null => null,
        JsonObject value => value,
        var node => throw Bad(name, node, "an object"),
    };

    /// <summary>A value as it stands in config.json; null where it is absent or null.</summary>
    public JsonNode? Node(string name) => _json[name];

    /// <summary>Whether config.json names the key, be its value null: for some keys null and absent mean different things.</summary>
    public bool Names(string name) => _json.ContainsKey(name);

    /// <summary>A copy of the whole config.json.</summary>
    public JsonObject Json() => (JsonObject)_json.DeepClone();

    public string? Text(string name) => Value<string>(name, "a string");

    public bool Bool(string name, bool absent) => Value<bool?>(name, "true or false") ?? absent;

    public double Number(string name, double absent)
    {
        double value = Value<double?>(name, "a number") ?? absent;
        return double.IsFinite(value) ? value : throw Bad(name, _json[Key(name)]!, "a number that fits a double");
    }

    /// <summary>A positive integer that must be there unless <paramref name="absent"/> says what its absence (or null) means.</summary>
    public int Int(string name, int? absent = null)
    {
        int value = Value<int?>(name, "an integer") ?? absent ?? throw Missing(name);
        return value > 0 ? value : throw Bad($"has {Key(name)} {value.ToString(CultureInfo.InvariantCulture)}; a positive integer is expected");
    }

    private T? Value<T>(string name, string expected)
    {
        if (_json[Key(name)] is not { } node) return default;
        return node is JsonValue value && value.TryGetValue(out T? result) ? result : throw Bad(name, node, expected);
    }

    private IReadOnlyList<int> Ids(string name) =>
        Ids(_generation, name, GenerationFileName) is { Count: > 0 } generation ? generation : Ids(_json, name, FileName);

    private List<int> Ids(JsonObject json, string name, string file)
    {
        JsonNode?[] nodes = json[name] switch
        {
            null => [],
            JsonArray array => [.. array],
            var single => [single],
        };
        var ids = new List<int>();
        foreach (var node in nodes)
        {
            if (node is not JsonValue value || !value.TryGetValue(out int id))
                throw new CheckpointException($"{Path.Combine(Path.GetDirectoryName(_path)!, file)} has {name} {Excerpt.Of(json[name]!.ToJsonString())}; a token id or an array of token ids is expected.");
            if (id >= 0) ids.Add(id); // the first Llama configs write -1 for none
        }
        return ids;
    }

    private CheckpointException Missing(string name) => Bad($"has no {Key(name)}, which every supported model has");

    private CheckpointException Bad(string name, JsonNode found, string expected) => Bad($"has {Key(name)} {Excerpt.Of(found.ToJsonString())}; {expected} is expected");

    private CheckpointException Bad(string what) => new($"{_path} {what}.");
}
