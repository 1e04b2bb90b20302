using Sleb.Cli.Output;
using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;

namespace Sleb.Cli.Commands;

/// <summary>Where the model is that a command was given, and which kind of model a folder holds.</summary>
internal static class ModelPath
{
    private const string GenAIConfigFile = "genai_config.json";

    /// <summary>The folder, which must exist, or the id's folder in the hub cache, where it is brought if it is not there.</summary>
    /// <param name="beforeDownload">A last chance to refuse the call before much is downloaded for nothing.</param>
    public static ModelSource Require(string model, CommandContext context, Action? beforeDownload = null)
    {
        if (!ModelSource.IsId(model)) return ModelSource.OfFolder(RequireFolder(model));
        var settings = HubSettings.FromEnvironment(Environment.GetEnvironmentVariable, context.Offline);
        return new HubDisplay(context, TimeProvider.System, beforeDownload).Run(tell => ModelSource.Find(model, () => settings, tell, context.Cancellation));
    }

    /// <summary>The full path of a folder that must exist.</summary>
    public static string RequireFolder(string path)
    {
        if (path.Length == 0) throw new UsageException("The model folder is an empty text.");
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(path)) throw new CheckpointException($"{path} is a file; give the folder that holds it.");
        if (!Directory.Exists(path)) throw new CheckpointException($"The model folder {path} does not exist.");
        return path;
    }

    public static bool IsGenAI(string folder) => File.Exists(Path.Combine(folder, GenAIConfigFile));

    /// <summary>The full path of a folder that ONNX Runtime GenAI can run.</summary>
    public static string RequireGenAI(string path)
    {
        string folder = RequireFolder(path);
        return IsGenAI(folder) ? folder : throw new CheckpointException($"{folder} holds no {GenAIConfigFile}; write a folder to run with 'sleb export'.");
    }
}
