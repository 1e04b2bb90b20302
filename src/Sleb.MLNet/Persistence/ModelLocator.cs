using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;

namespace Sleb.MLNet.Persistence;

/// <summary>Finds the model folder of a loaded pipeline: ML.NET does not tell where the pipeline's own file lies.</summary>
internal static class ModelLocator
{
    /// <summary>Names a folder that holds model folders; looked at first.</summary>
    public const string RootVariable = "SLEB_MODEL_ROOT";

    /// <exception cref="CheckpointException">No place holds the model.</exception>
    public static string Find(SavedModel saved)
    {
        var looked = new List<string>();
        foreach (string folder in Candidates(saved).Distinct(StringComparer.Ordinal))
        {
            string? problem = Problem(folder, saved.Fingerprint);
            if (problem is null) return folder;
            looked.Add($"{folder} ({problem})");
        }
        throw new CheckpointException(
            $"The model folder '{saved.Name}' that this pipeline was saved with was not found; looked at {string.Join(", ", looked)}. " +
            $"Put it in one of these places, or set {RootVariable} to the folder that holds it.");
    }

    private static IEnumerable<string> Candidates(SavedModel saved)
    {
        if (Environment.GetEnvironmentVariable(RootVariable) is { Length: > 0 } root) yield return Path.GetFullPath(Path.Combine(root, saved.Name));
        yield return Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, saved.Name));
        yield return Path.GetFullPath(saved.Name);
        yield return saved.Folder;
    }

    private static string? Problem(string folder, string fingerprint)
    {
        if (!Directory.Exists(folder)) return "not there";
        try
        {
            string found = FolderFingerprint.Compute(folder);
            return found == fingerprint ? null : $"another model: fingerprint {Short(found)}, not {Short(fingerprint)}";
        }
        catch (CheckpointException)
        {
            return "not a model folder";
        }
    }

    private static string Short(string fingerprint) => fingerprint[..Math.Min(12, fingerprint.Length)];
}
