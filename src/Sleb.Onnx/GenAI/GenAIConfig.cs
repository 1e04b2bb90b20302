using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.GenAI;

/// <summary>genai_config.json: what ONNX Runtime GenAI must know about a folder beside its graph.</summary>
internal sealed record GenAIConfig(int ContextLength, int VocabSize, IReadOnlyList<int> EosTokenIds, IReadOnlyList<string> Providers)
{
    public const string FileName = "genai_config.json";

    /// <summary>
    /// GenAI takes the last id that is not the pad id for a prompt's end, so a prompt that ends in a real pad id (often the end of
    /// sequence, or 0) is continued from the wrong place. -1 is no token: no prompt is misread, and padding still works.
    /// </summary>
    public const int NoPadToken = -1;

    /// <summary>Families that GenAI knows by the name config.json gives them; any other is an ordinary decoder to it.</summary>
    private static readonly string[] KnownTypes =
        ["llama", "mistral", "qwen2", "qwen3", "phi", "phi3", "gemma", "gemma2", "gemma3_text", "olmo", "granite", "nemotron", "smollm3"];

    // GenAI's parser knows no \uXXXX escapes and no BOM.
    public static readonly JsonSerializerOptions Json = new() { WriteIndented = true, IndentSize = 4, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether the folder asks for CUDA.</summary>
    public bool IsForCuda => Providers.Contains("cuda", StringComparer.OrdinalIgnoreCase);

    /// <summary>What the runtime here needs of a folder, whoever wrote it.</summary>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static GenAIConfig Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!Directory.Exists(folder)) throw new CheckpointException($"The model folder {folder} does not exist; give a folder that holds {FileName} and its ONNX files.");
        if (!File.Exists(path)) throw new CheckpointException($"{folder} holds no {FileName}; give a folder that 'sleb export' or 'sleb prune' wrote, or another ONNX Runtime GenAI folder.");
        try
        {
            var model = JsonNode.Parse(File.ReadAllBytes(path))!["model"]!;
            var providers = model["decoder"]!["session_options"]?["provider_options"] as JsonArray ?? [];
            return new GenAIConfig(model["context_length"]!.GetValue<int>(), model["vocab_size"]!.GetValue<int>(), Ids(model["eos_token_id"]),
                [.. providers.SelectMany(provider => provider!.AsObject().Select(entry => entry.Key))]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException or FormatException)
        {
            throw new CheckpointException($"{path} is damaged: it needs model.context_length, model.vocab_size and model.decoder ({e.Message}).", e);
        }
    }

    /// <summary>Writes the file in the form GenAI's own builder gives it.</summary>
    public static void Write(string folder, GenAIModelDescription model)
    {
        var config = model.Config;
        var inputs = new JsonObject { ["input_ids"] = "input_ids", ["attention_mask"] = "attention_mask" };
        if (model.ReadsPositions) inputs["position_ids"] = "position_ids";
        inputs["past_key_names"] = "past_key_values.%d.key";
        inputs["past_value_names"] = "past_key_values.%d.value";
        JsonArray providers = model.Target == "cuda" ? [new JsonObject { ["cuda"] = new JsonObject { ["enable_cuda_graph"] = "0" } }] : [];

        // GenAI refuses ids that the model cannot give; some checkpoints name such.
        int[] ends = [.. config.EosTokenIds.Where(id => id >= 0 && id < config.VocabSize)];
        var root = new JsonObject();
        if (config.BosTokenId is { } bos && bos >= 0 && bos < config.VocabSize) root["bos_token_id"] = bos;
        root["context_length"] = model.ContextLength;
        root["decoder"] = new JsonObject
        {
            ["session_options"] = new JsonObject { ["log_id"] = "onnxruntime-genai", ["provider_options"] = providers },
            ["filename"] = model.GraphFile,
            ["head_size"] = config.HeadDim,
            ["hidden_size"] = config.HiddenSize,
            ["inputs"] = inputs,
            ["outputs"] = new JsonObject { ["logits"] = "logits", ["present_key_names"] = "present.%d.key", ["present_value_names"] = "present.%d.value" },
            ["num_attention_heads"] = config.NumAttentionHeads,
            ["num_hidden_layers"] = model.Blocks,
            ["num_key_value_heads"] = config.NumKeyValueHeads,
        };
        // Without an end GenAI takes the pad id for one, and then it must be a token: both are left to its default.
        if (ends.Length > 0)
        {
            root["eos_token_id"] = ends.Length == 1 ? ends[0] : new JsonArray([.. ends.Select(id => (JsonNode)id)]);
            root["pad_token_id"] = NoPadToken;
        }
        root["type"] = KnownTypes.Contains(config.ModelType) ? config.ModelType : "decoder";
        root["vocab_size"] = config.VocabSize;
        var search = new JsonObject
        {
            ["diversity_penalty"] = 0.0,
            ["do_sample"] = false,
            ["early_stopping"] = true,
            ["length_penalty"] = 1.0,
            ["max_length"] = model.ContextLength,
            ["min_length"] = 0,
            ["no_repeat_ngram_size"] = 0,
            ["num_beams"] = 1,
            ["num_return_sequences"] = 1,
            ["past_present_share_buffer"] = true,
            ["repetition_penalty"] = 1.0,
            ["temperature"] = 1.0,
            ["top_k"] = 50,
            ["top_p"] = 1.0,
        };
        string json = new JsonObject { ["model"] = root, ["search"] = search }.ToJsonString(Json);
        File.WriteAllText(Path.Combine(folder, FileName), json + "\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    private static IReadOnlyList<int> Ids(JsonNode? node) => node switch
    {
        null => [],
        JsonArray array => [.. array.Select(id => id!.GetValue<int>())],
        _ => [node.GetValue<int>()],
    };
}
