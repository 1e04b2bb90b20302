namespace Sleb.MLNet.Reporting;

/// <summary>What a report calls folders.</summary>
internal static class FolderNames
{
    /// <summary>The last part of each path, unless another folder's is the same: then the path as it was given.</summary>
    public static string[] Of(IReadOnlyList<string> paths)
    {
        string[] names = [.. paths.Select(path => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))))];
        return [.. names.Select((name, i) => names.Count(other => other == name) == 1 ? name : paths[i])];
    }
}
