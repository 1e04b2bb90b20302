using System.Text.Json.Nodes;
using Google.Protobuf;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Protos;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Surgery;

/// <summary>An ONNX Runtime GenAI folder with one decoder graph, whoever wrote it: its config and its graph; the weights stay on disk.</summary>
internal sealed class DecoderPackage
{
    /// <summary>Sections that say what happens to single blocks in ways not known here.</summary>
    private static readonly string[] UnknownSections = ["pipeline", "state_groups", "shared_initializers"];

    private DecoderPackage(string folder, JsonObject config, string graphFile, ModelProto model) =>
        (Folder, Config, GraphFile, Model, Caches) = (folder, config, graphFile, model, new CacheNames((JsonObject)config["model"]!["decoder"]!));

    public string Folder { get; }

    /// <summary>genai_config.json.</summary>
    public JsonObject Config { get; }

    public JsonObject Decoder => (JsonObject)Config["model"]!["decoder"]!;

    /// <summary>The graph's file name.</summary>
    public string GraphFile { get; }

    public ModelProto Model { get; }

    public CacheNames Caches { get; }

    /// <summary>The graph input that takes token ids.</summary>
    public string InputIds => Text((Decoder["inputs"] as JsonObject)?["input_ids"]) ?? "input_ids";

    public string AttentionMask => Text((Decoder["inputs"] as JsonObject)?["attention_mask"]) ?? "attention_mask";

    public string PositionIds => Text((Decoder["inputs"] as JsonObject)?["position_ids"]) ?? "position_ids";

    public string Logits => Text((Decoder["outputs"] as JsonObject)?["logits"]) ?? "logits";

    /// <summary>What hidden states and caches are made of.</summary>
    public DataType ElementType => (DataType)(Model.Graph.Input.First(input => Caches.Block(input.Name) is not null).Type?.TensorType?.ElemType ?? 0);

    /// <summary>genai_config.json's <c>model.type</c>.</summary>
    public string Family => Text(Config["model"]!["type"]) ?? "decoder";

    /// <exception cref="CheckpointException">A file is missing, damaged or of a kind that cannot be taken apart.</exception>
    public static DecoderPackage Open(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        _ = GenAIConfig.Read(folder); // what any use of the folder needs
        string configPath = Path.Combine(folder, GenAIConfig.FileName);
        var config = JsonFile.Read(configPath);
        var decoder = (JsonObject)config["model"]!["decoder"]!;
        if (UnknownSections.FirstOrDefault(decoder.ContainsKey) is { } section)
            throw new CheckpointException($"{configPath} has model.decoder.{section}; blocks are removed from packages with one graph and without that section.");
        if (Text(decoder["filename"]) is not { Length: > 0 } file || Path.GetFileName(file) != file)
            throw new CheckpointException($"{configPath} needs model.decoder.filename, the name of an ONNX file in the same folder.");
        var package = new DecoderPackage(folder, config, file, ReadGraph(Path.Combine(folder, file)));
        package.Require(package.Model.Graph.Input, package.InputIds, "input");
        package.Require(package.Model.Graph.Output, package.Logits, "output");
        ExternalWeights.Check(package);
        return package;
    }

    public static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    public static int? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue(out int number) ? number : null;

    private static ModelProto ReadGraph(string path)
    {
        if (!File.Exists(path)) throw new CheckpointException($"genai_config.json names the graph {path}, which is not there; copy the whole folder again.");
        try
        {
            using var stream = File.OpenRead(path);
            var model = ModelProto.Parser.ParseFrom(stream);
            if (model.Graph is { Node.Count: > 0 }) return model;
            throw new CheckpointException($"{path} holds no graph ({stream.Length} bytes); copy the whole folder again.");
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new CheckpointException($"{path} is cut off or damaged ({Excerpt.Of(e.Message).TrimEnd('.')}); copy the whole folder again.", e);
        }
    }

    private void Require(IEnumerable<ValueInfoProto> values, string name, string kind)
    {
        if (values.All(value => value.Name != name))
            throw new CheckpointException($"{Path.Combine(Folder, GraphFile)} has no {kind} '{Excerpt.Of(name)}'; the graph is damaged, or genai_config.json belongs to another one.");
    }
}
