using System.Text.Json;
using System.Text.Json.Nodes;
using Sleb.Cli.Json;
using Sleb.Core.Checkpoints;
using Sleb.Onnx;
using Sleb.Onnx.Surgery;

namespace Sleb.Cli.Inspection;

/// <summary>Describes an ONNX Runtime GenAI folder from its genai_config.json, whoever wrote it.</summary>
internal static class GenAIInspection
{
    /// <exception cref="CheckpointException">genai_config.json is damaged.</exception>
    public static InspectDocument Describe(string folder)
    {
        string path = Path.Combine(folder, "genai_config.json");
        JsonObject model;
        try
        {
            model = JsonNode.Parse(File.ReadAllBytes(path))?["model"] as JsonObject
                ?? throw new CheckpointException($"{path} has no object 'model'.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{path} is not valid JSON ({e.Message}).", e);
        }
        var decoder = model["decoder"] as JsonObject;
        var reasons = new List<string>();
        if (decoder is null) reasons.Add($"{path} has no object 'model.decoder'; decoder models with one graph are supported.");
        else if (Text(decoder, "filename") is not { } graph) reasons.Add($"{path} has no 'model.decoder.filename'; decoder models with one graph are supported.");
        else if (!File.Exists(Path.Combine(folder, graph))) reasons.Add($"{path} names the graph {graph}, which is not in the folder.");
        foreach (string name in (ReadOnlySpan<string>)["context_length", "vocab_size"])
            if (Number(model, name) is null) reasons.Add($"{path} has no whole number 'model.{name}'.");
        if (reasons.Count == 0 && (DataCheck.Find(folder) ?? Fault(folder)) is { } fault) reasons.Add(fault);
        return new InspectDocument
        {
            Family = Text(model, "type"),
            Blocks = Number(decoder, "num_hidden_layers"),
            Parameters = null, // written down nowhere in the folder
            HiddenSize = Number(decoder, "hidden_size"),
            VocabularySize = Number(model, "vocab_size"),
            ContextLength = Number(model, "context_length"),
            Bytes = ModelBytes(folder),
            Reasons = reasons,
        };
    }

    /// <summary>What keeps blocks from being taken out: a file that is missing or cut off, a graph of another form.</summary>
    private static string? Fault(string folder)
    {
        try
        {
            _ = new BlockMap(DecoderPackage.Open(folder));
            return null;
        }
        catch (CheckpointException e)
        {
            return e.Message;
        }
    }

    /// <summary>The graphs and their external data.</summary>
    private static long ModelBytes(string folder) => Directory.EnumerateFiles(folder)
        .Where(file => Path.GetFileName(file) is var name && (name.Contains(".onnx", StringComparison.Ordinal) || name.EndsWith(".data", StringComparison.Ordinal)))
        .Sum(file => new FileInfo(file).Length);

    private static string? Text(JsonObject json, string name) => json[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static int? Number(JsonObject? json, string name) => json?[name] is JsonValue value && value.TryGetValue(out int number) ? number : null;
}
