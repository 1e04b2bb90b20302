namespace Sleb.Core.Artifacts;

/// <summary>
/// A folder that is written under a temporary name beside its target and moved into place when it is finished and checked:
/// a target that exists is a target that works.
/// </summary>
internal sealed class StagedFolder : IDisposable
{
    private readonly string _target;

    private StagedFolder(string target, string path)
    {
        _target = target;
        Path = path;
    }

    /// <summary>Where to write.</summary>
    public string Path { get; }

    /// <exception cref="IOException">The target is a file, or holds something and <paramref name="overwrite"/> is false.</exception>
    public static StagedFolder Create(string target, bool overwrite)
    {
        target = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(target));
        CheckTarget(target, overwrite);
        string path = target + ".partial"; // left behind by a killed run: this one replaces it
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        Directory.CreateDirectory(path);
        return new StagedFolder(target, path);
    }

    /// <summary>The check alone, for callers with long work to do first.</summary>
    public static void CheckTarget(string target, bool overwrite)
    {
        if (File.Exists(target)) throw new IOException($"{target} is a file; give a folder to write to.");
        if (!overwrite && Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
            throw new IOException($"The folder {target} is not empty; give another folder, or --overwrite (Overwrite = true) to replace it.");
    }

    /// <summary>Moves the finished folder into place; what was there goes only after that, and comes back if the move fails.</summary>
    public void Commit()
    {
        string old = _target + ".replaced";
        if (Directory.Exists(old)) Directory.Delete(old, recursive: true);
        bool replaces = Directory.Exists(_target);
        if (replaces) Directory.Move(_target, old);
        try
        {
            Directory.Move(Path, _target);
        }
        catch when (replaces)
        {
            Directory.Move(old, _target);
            throw;
        }
        if (replaces) Directory.Delete(old, recursive: true);
    }

    public void Dispose()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
