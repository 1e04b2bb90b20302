namespace Sleb.Cli.Output;

/// <summary>Paths as a person reads them.</summary>
internal static class Paths
{
    /// <summary>Relative where that is shorter to read: below the current directory.</summary>
    public static string Short(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
