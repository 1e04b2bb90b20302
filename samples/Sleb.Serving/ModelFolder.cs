using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sleb.Serving;

/// <summary>Opens a model folder, whoever wrote it, with two settings that GenAI has otherwise.</summary>
internal static class ModelFolder
{
    /// <param name="settings">The <c>model</c> of its genai_config.json.</param>
    public static Model Open(string folder, JsonNode settings)
    {
        var model = new JsonObject();
        // GenAI takes the last id that is not the pad id for a prompt's end; -1 is no id, so no prompt is misread. It needs an end of sequence then.
        if (settings["eos_token_id"] is not null) model["pad_token_id"] = -1;
        // GenAI computes on half of the logical processors, as if every core were two.
        if (settings["decoder"]?["session_options"]?["intra_op_num_threads"] is null && PhysicalCores() is { } cores)
            model["decoder"] = new JsonObject { ["session_options"] = new JsonObject { ["intra_op_num_threads"] = cores } };
        using var config = new Config(folder);
        config.Overlay(new JsonObject { ["model"] = model }.ToJsonString());
        return new Model(config);
    }

    /// <summary>Linux names, for each logical processor, those that share its core. Null elsewhere: GenAI decides.</summary>
    private static int? PhysicalCores()
    {
        const string processors = "/sys/devices/system/cpu";
        if (!Directory.Exists(processors)) return null;
        int cores = Directory.EnumerateDirectories(processors, "cpu*").Select(cpu => Path.Combine(cpu, "topology", "thread_siblings_list"))
            .Where(File.Exists).Select(File.ReadAllText).Distinct().Count();
        return cores == 0 ? null : Math.Min(16, Math.Min(cores, Environment.ProcessorCount)); // GenAI's own limit; a container may have fewer
    }
}
