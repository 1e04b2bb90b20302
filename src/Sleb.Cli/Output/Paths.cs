using Sleb.Core.Hub;

namespace Sleb.Cli.Output;

/// <summary>Paths as a person reads them.</summary>
internal static class Paths
{
    /// <summary>The path that was given, or the id and where it lies.</summary>
    public static string Of(ModelSource source) => source.Id is null ? Short(source.Folder) : $"{source.Id}, in {Short(source.Folder)}";

    /// <summary>Relative where that is shorter to read: below the current directory.</summary>
    public static string Short(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
