using Sleb.MLNet.Scoring;

namespace Sleb.MLNet.Folders;

/// <summary>A folder that is gone when it is disposed, or else when the process ends.</summary>
internal sealed class ScratchFolder : IDisposable
{
    private readonly EventHandler _onExit;

    public ScratchFolder()
    {
        LoadedModels.ReleaseOnExit(); // before this handler: a loaded model keeps its files open
        Path = Directory.CreateTempSubdirectory("sleb-").FullName;
        _onExit = (_, _) => Delete();
        AppDomain.CurrentDomain.ProcessExit += _onExit;
    }

    public string Path { get; }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= _onExit;
        Delete();
    }

    private void Delete()
    {
        try
        {
            if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // On Windows a file that is still open cannot be deleted; the system's temporary folder is cleaned anyway.
        }
    }
}
