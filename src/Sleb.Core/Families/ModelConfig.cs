using System.Globalization;
using System.Text.Json;
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

    private readonly JsonObject _json;
    private readonly JsonObject _generation;
    private readonly string _path;

    private ModelConfig(JsonObject json, JsonObject generation, string path)
    {
        _json = json;
        _generation = generation;
        _path = path;
    }

    public string ModelType => Text("model_type") ?? throw Missing("model_type");
    public int NumHiddenLayers => Int("num_hidden_layers");
    public int HiddenSize => Int("hidden_size");
    public int IntermediateSize => Int("intermediate_size");
    public int VocabSize => Int("vocab_size");
    public int NumAttentionHeads => Int("num_attention_heads");
    public int NumKeyValueHeads => Int("num_key_value_heads", NumAttentionHeads);
    public int HeadDim => Int("head_dim", HiddenSize / NumAttentionHeads);
    public int MaxPositionEmbeddings => Int("max_position_embeddings");

    /// <summary>Keys a query sees, itself included; null sees all. Mistral's absent key is a window of 4096, its null is none.</summary>
    public int? SlidingWindow => ModelType != "mistral" ? null
        : _json.ContainsKey("sliding_window") && !Has("sliding_window") ? null
        : Int("sliding_window", absent: 4096);

    /// <summary>The ids that end a text: generation_config.json's before config.json's.</summary>
    public IReadOnlyList<int> EosTokenIds => Ids(_generation["eos_token_id"]) ?? Ids(_json["eos_token_id"]) ?? [];
    public int? BosTokenId => Ids(_generation["bos_token_id"])?.FirstOrDefault() ?? Ids(_json["bos_token_id"])?.FirstOrDefault();
    public int? PadTokenId => Ids(_generation["pad_token_id"])?.FirstOrDefault() ?? Ids(_json["pad_token_id"])?.FirstOrDefault();

    public static ModelConfig Load(string folder)
    {
        string path = Path.Combine(folder, FileName), generation = Path.Combine(folder, "generation_config.json");
        if (!File.Exists(path)) throw new CheckpointException($"{folder} holds no {FileName}; give the folder of a Hugging Face checkpoint.");
        return new ModelConfig(ReadObject(path), File.Exists(generation) ? ReadObject(generation) : [], path);
    }

    public bool Has(string name) => _json[name] is not null;

    public JsonObject? Object(string name) => _json[name] as JsonObject;

    /// <summary>A copy of the whole config.json.</summary>
    public JsonObject Json() => (JsonObject)_json.DeepClone();

    public string? Text(string name) => Value<string>(name, "a string");

    public bool Bool(string name, bool absent) => Value<bool?>(name, "true or false") ?? absent;

    public double Number(string name, double absent) => Value<double?>(name, "a number") ?? absent;

    /// <summary>A positive integer that must be there unless <paramref name="absent"/> says what its absence (or null) means.</summary>
    public int Int(string name, int? absent = null)
    {
        int value = Value<int?>(name, "an integer") ?? absent ?? throw Missing(name);
        return value > 0 ? value : throw new CheckpointException($"{_path} has {name} {value.ToString(CultureInfo.InvariantCulture)}; a positive integer is expected.");
    }

    private T? Value<T>(string name, string expected)
    {
        if (_json[name] is not { } node) return default;
        if (node is JsonValue value && value.TryGetValue(out T? result)) return result;
        throw new CheckpointException($"{_path} has {name} {node.ToJsonString()}; {expected} is expected.");
    }

    private CheckpointException Missing(string name) => new($"{_path} has no {name}.");

    private static IReadOnlyList<int>? Ids(JsonNode? node) => node switch
    {
        JsonValue value when value.TryGetValue(out int id) => [id],
        JsonArray array => [.. array.Select(item => item!.GetValue<int>())],
        _ => null,
    };

    private static JsonObject ReadObject(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path)) as JsonObject ?? throw new CheckpointException($"{path} is not a JSON object.");
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path} is not valid JSON ({e.Message}).", e);
        }
    }
}
