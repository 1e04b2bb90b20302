namespace Sleb.Core.Hub;

/// <summary>Where models come from and where they are kept, and everything of the machine that a test replaces.</summary>
internal sealed record HubSettings
{
    /// <summary>The hub's address, without a slash at its end.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The folder that holds models--organization--name.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>Goes to the endpoint alone, and into no message.</summary>
    public string? Token { get; init; }

    /// <summary>No request at all; what is not in the cache is an error.</summary>
    public bool Offline { get; init; }

    /// <summary>The clock that finds out a connection which is silent for too long.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Waits before a further attempt.</summary>
    public Func<TimeSpan, CancellationToken, Task> Pause { get; init; } = Task.Delay;

    /// <summary>Bytes that may still be written to the disk of a folder; null where nobody knows.</summary>
    public Func<string, long?> FreeSpace { get; init; } = AvailableBytes;

    /// <summary>Makes a symbolic link: its path, and what it points at.</summary>
    public Action<string, string> CreateLink { get; init; } = (path, target) => File.CreateSymbolicLink(path, target);

    /// <summary>As the environment variables of the Python tools say, by the same precedence.</summary>
    public static HubSettings FromEnvironment(Func<string, string?> variable, bool offline)
    {
        string home = Folder("HF_HOME") ?? Path.Combine(Folder("XDG_CACHE_HOME") ?? Path.Combine(UserFolder, ".cache"), "huggingface");
        return new()
        {
            Endpoint = (Text("HF_ENDPOINT") ?? "https://huggingface.co").TrimEnd('/'),
            CacheFolder = Path.GetFullPath(Folder("HF_HUB_CACHE") ?? Folder("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub")),
            Token = Clean(Text("HF_TOKEN") ?? Text("HUGGING_FACE_HUB_TOKEN") ?? ReadToken(Folder("HF_TOKEN_PATH") ?? Path.Combine(home, "token"))),
            Offline = offline || IsTrue(Text("HF_HUB_OFFLINE")) || IsTrue(Text("TRANSFORMERS_OFFLINE")),
        };

        string? Text(string name) => variable(name)?.Trim() is { Length: > 0 } text ? text : null;

        string? Folder(string name) => Text(name) is { } path ? path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? UserFolder + path[1..] : path : null;
    }

    private static string UserFolder => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    private static bool IsTrue(string? text) => text?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

    private static string? ReadToken(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // most machines have none, and an open model needs none
        }
    }

    /// <summary>A file ends in a newline, which a header must not hold.</summary>
    private static string? Clean(string? token) => token?.ReplaceLineEndings("").Trim() is { Length: > 0 } clean ? clean : null;

    private static long? AvailableBytes(string folder)
    {
        try
        {
            return new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
