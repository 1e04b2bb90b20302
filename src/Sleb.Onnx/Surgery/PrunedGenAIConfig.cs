using System.Text;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.GenAI;

namespace Sleb.Onnx.Surgery;

/// <summary>genai_config.json for what is left of a package: the block count and the lists by block change, a draft model goes, every other key stays as it is.</summary>
internal static class PrunedGenAIConfig
{
    private const string Draft = "draft", Speculative = "speculative";

    /// <summary>Whether the package holds a smaller model that runs ahead of it.</summary>
    public static bool HasDraft(DecoderPackage package) => ((JsonObject)package.Config["model"]!).ContainsKey(Draft);

    public static void Write(DecoderPackage package, int blocks, IReadOnlyList<int> survivors, string folder)
    {
        var config = (JsonObject)package.Config.DeepClone();
        // A draft is chosen for the speed and the answers of one model; its folder is not copied, and GenAI would look for it.
        if (((JsonObject)config["model"]!).Remove(Draft)) config.Remove(Speculative);
        var decoder = (JsonObject)config["model"]!["decoder"]!;
        decoder["num_hidden_layers"] = survivors.Count;
        if (decoder["layer_types"] is { } types)
        {
            if (types is not JsonArray list || list.Count != blocks)
                throw new CheckpointException($"{package.Folder}: genai_config.json has layer_types that do not name the kind of each of the {blocks} blocks.");
            decoder["layer_types"] = new JsonArray([.. survivors.Select(block => list[block]?.DeepClone())]);
        }
        if ((decoder["sliding_window"] as JsonObject)?["layers"] is JsonArray local)
        {
            var numbers = local.Select(DecoderPackage.Number).ToHashSet();
            decoder["sliding_window"]!["layers"] = new JsonArray([.. Enumerable.Range(0, survivors.Count).Where(i => numbers.Contains(survivors[i])).Select(i => (JsonNode)i)]);
        }
        string source = Path.Combine(package.Folder, GenAIConfig.FileName);
        bool newLine = File.ReadAllText(source).EndsWith('\n');
        File.WriteAllText(Path.Combine(folder, GenAIConfig.FileName), config.ToJsonString(GenAIConfig.Json) + (newLine ? "\n" : ""), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }
}
