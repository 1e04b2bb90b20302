namespace Sleb.Tests.Cli;

/// <summary>Which forms of a folder can be written under a memory cap?</summary>
public sealed class CappedFormTests(DenseFolder dense) : IClassFixture<DenseFolder>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Shared_weights_are_checked_piece_by_piece()
    {
        // In a process of its own, whose heaps the cap is for.
        var call = await SlebCli.RunProcess(_folder.Path, "export", TestFiles.TinyNovels, "--remove-blocks", "5,3", "--share-weights", dense.Path, "--memory", "1GB", "--out", "out");
        Assert.True(call.ExitCode == 0, call.Error);
        Assert.Equal(10, SlebCli.Run("inspect", _folder["out"], "--json").Json.GetProperty("blocks").GetInt32());
    }

    [Theory]
    [InlineData("which int4 has no check for", "--precision", "int4")]
    [InlineData("which fp16 has no check for", "--precision", "fp16", "--target", "cuda")]
    [InlineData("which fused norms would join", "--fused-norms")]
    public void What_cannot_be_checked_in_pieces_is_refused_before_anything_is_read(string reason, params string[] form)
    {
        string[] capped = [.. form, "--memory", "1MB", "--out", _folder["out"]]; // too small a cap, but that is found later
        foreach (string[] call in (string[][])[["export", TestFiles.TinyNovels, .. capped], ["prune", TestFiles.TinyNovels, "--remove", "1", "--run", _folder["run"], .. capped]])
            Assert.Contains(reason, SlebCli.Run(call).Error.ReplaceLineEndings(" "));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    public void Dispose() => _folder.Dispose();
}
