namespace Sleb.Tests.Cli;

/// <summary>The embedded model, exported once for all tests of a class.</summary>
public sealed class DenseFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DenseFolder()
    {
        var call = SlebCli.Run("export", TestFiles.TinyNovels, "--out", Path);
        Assert.True(call.ExitCode == 0, call.Error);
    }

    public string Path => _folder["dense"];

    public void Dispose() => _folder.Dispose();
}
