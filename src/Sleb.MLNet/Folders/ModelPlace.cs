using Sleb.Core.Artifacts;

namespace Sleb.MLNet.Folders;

/// <summary>The model folder of a transformer, and the temporary folder it lies in, if it does.</summary>
internal sealed class ModelPlace(string folder, ScratchFolder? temporary = null)
{
    private string? _fingerprint;

    /// <summary>Where the model is read from.</summary>
    public string Folder { get; } = Path.GetFullPath(folder);

    /// <summary>A copy that the user asked for; what a saved pipeline refers to from then on.</summary>
    public string? Copy { get; private set; }

    /// <summary>What a saved pipeline refers to; null where nothing would be left of it.</summary>
    public string? Lasting => Copy ?? (temporary is null ? Folder : null);

    /// <summary>The model's fingerprint, computed when it is first needed.</summary>
    public string Fingerprint => _fingerprint ??= FolderFingerprint.Compute(Folder);

    public void CopyTo(string path, bool overwrite)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (target != Folder)
        {
            // Replacing a folder that holds the model would take the model with it.
            if (Folder.StartsWith(target + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw new ArgumentException($"{target} holds the model folder {Folder} itself; give a folder beside it.", nameof(path));
            using var staged = StagedFolder.Create(target, overwrite);
            foreach (string file in Directory.EnumerateFiles(Folder)) File.Copy(file, Path.Combine(staged.Path, Path.GetFileName(file)));
            staged.Commit();
        }
        Copy = target;
    }

    public void Discard() => temporary?.Dispose();
}
