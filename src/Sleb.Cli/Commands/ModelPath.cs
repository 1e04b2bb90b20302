using Sleb.Core.Checkpoints;

namespace Sleb.Cli.Commands;

/// <summary>Which kind of model a folder holds.</summary>
internal static class ModelPath
{
    private const string GenAIConfigFile = "genai_config.json";

    /// <summary>The full path of a folder that must exist.</summary>
    public static string Require(string path)
    {
        if (path.Length == 0) throw new UsageException("The model folder is an empty text.");
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(path)) throw new CheckpointException($"{path} is a file; give the folder that holds it.");
        if (!Directory.Exists(path)) throw new CheckpointException($"The model folder {path} does not exist.");
        return path;
    }

    public static bool IsGenAI(string folder) => File.Exists(Path.Combine(folder, GenAIConfigFile));

    /// <summary>The full path of a Hugging Face checkpoint folder.</summary>
    public static string RequireCheckpoint(string path)
    {
        path = Require(path);
        if (IsGenAI(path))
            throw new CheckpointException($"{path} is an ONNX Runtime GenAI folder; give the Hugging Face folder (config.json and safetensors) that it was made from.");
        return path;
    }
}
