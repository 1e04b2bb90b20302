namespace Sleb.Tests;

/// <summary>Where test data lies: what the clone holds, and the references beside it that a plain clone lacks.</summary>
internal static class TestFiles
{
    /// <summary>The root of this clone (the folder of Sleb.MLNet.sln).</summary>
    public static string Root { get; } = FindUpwards(AppContext.BaseDirectory, folder => File.Exists(Path.Combine(folder, "Sleb.MLNet.sln")))
        ?? throw new InvalidOperationException("Sleb.MLNet.sln not found above " + AppContext.BaseDirectory);

    /// <summary>The embedded model.</summary>
    public static string TinyNovels { get; } = Path.Combine(Root, "models", "tiny-novels");

    /// <summary>A file or folder of tests/Sleb.Tests/data.</summary>
    public static string Data(params string[] parts) => Path.Combine([Root, "tests", "Sleb.Tests", "data", .. parts]);

    /// <summary>A file or folder of ../shared, or a skipped test with a sentence when it is missing.</summary>
    public static string Shared(params string[] parts)
    {
        string path = Path.Combine([Root, "..", "shared", .. parts]);
        Assert.SkipUnless(Path.Exists(path), $"../shared/{string.Join('/', parts)} is not on this machine: the reference it holds is too big for the repository.");
        return Path.GetFullPath(path);
    }

    private static string? FindUpwards(string start, Func<string, bool> found)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
            if (found(folder.FullName)) return folder.FullName;
        return null;
    }
}
