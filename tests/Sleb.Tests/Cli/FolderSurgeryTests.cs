namespace Sleb.Tests.Cli;

/// <summary>Can blocks be taken out of a folder that ships, without the checkpoint it was made from?</summary>
public sealed class FolderSurgeryTests(DenseFolder dense) : IClassFixture<DenseFolder>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void A_folder_less_some_blocks_continues_as_the_checkpoint_less_those_blocks()
    {
        var call = SlebCli.Run("export", dense.Path, "--remove-blocks", "5,3", "--out", _folder["cut"], "--json");
        Assert.Equal("removedBlocks survivors folder bytes", string.Join(' ', call.Keys));
        Assert.Equal([5, 3], ConformanceTests.Ints(call.Json.GetProperty("removedBlocks")));
        Assert.Equal([0, 1, 2, 4, 6, 7, 8, 9, 10, 11], ConformanceTests.Ints(call.Json.GetProperty("survivors")));
        Assert.Equal(_folder["cut"], call.Json.GetProperty("folder").GetString());
        Assert.Equal(Directory.GetFiles(_folder["cut"]).Sum(file => new FileInfo(file).Length), call.Json.GetProperty("bytes").GetInt64());
        Assert.Equal(10, SlebCli.Run("inspect", _folder["cut"], "--json").Json.GetProperty("blocks").GetInt32());

        Assert.Equal(0, SlebCli.Run("export", TestFiles.TinyNovels, "--remove-blocks", "5,3", "--out", _folder["direct"]).ExitCode);
        Assert.Equal(Continue("direct"), Continue("cut"));
        Assert.Contains("already there", SlebCli.Run("export", dense.Path, "--remove-blocks", "5,3", "--out", _folder["cut"]).Out);
    }

    [Fact]
    public void A_search_on_the_folder_decides_and_ships_as_one_on_the_checkpoint()
    {
        using var run = new PruneRun();
        var checkpoint = run.Prune(2, "--json").Json;
        string[] settings = ["--remove", "2", "--windows", "4", "--sequence-length", "128", "--evaluation-windows", "2",
            "--calibration", Path.Combine(TestFiles.TinyNovels, "calibration.txt"), "--evaluation", Path.Combine(TestFiles.TinyNovels, "evaluation.txt")];
        string[] args = ["prune", dense.Path, .. settings, "--run", _folder["run"], "--out", _folder["out"], "--json"];
        var folder = SlebCli.Run(args).Json;
        foreach (string list in (string[])["removedBlocks", "survivors"])
            Assert.Equal(ConformanceTests.Ints(checkpoint.GetProperty(list)), ConformanceTests.Ints(folder.GetProperty(list)));
        foreach (string model in (string[])["dense", "pruned", "shipped"])
            Assert.Equal(checkpoint.GetProperty(model).GetProperty("meanNll").GetDouble(), folder.GetProperty(model).GetProperty("meanNll").GetDouble(), 1e-4);
        Assert.Equal(_folder["out"], folder.GetProperty("folder").GetString());
        Assert.Equal(File.ReadAllBytes(Path.Combine(run.Out, "genai_config.json")), File.ReadAllBytes(_folder["out", "genai_config.json"]));

        Assert.Equal(0, SlebCli.Run(args).ExitCode); // finished: nothing is scored again, and the folder stays
        Assert.Contains("already there", SlebCli.Run("export", dense.Path, "--plan", _folder["run", "plan.json"], "--out", _folder["out"]).Out);
        SlebCli.Run("export", TestFiles.TinyNovels, "--plan", _folder["run", "plan.json"], "--out", _folder["other"]).AssertFailed("fingerprint");
        Assert.Contains("dense", SlebCli.Run("prune", dense.Path, "--remove", "1", "--calibration", settings[9], "--arithmetic", "bf16").Error);
    }

    [Fact]
    public void What_cannot_be_done_is_said()
    {
        SlebCli.Run("export", dense.Path, "--remove-blocks", "12", "--out", _folder["out"]).AssertWrongCall("Block 12 cannot be removed: the model has blocks 0 to 11.", "sleb export");
        SlebCli.Run("export", dense.Path, "--out", dense.Path, "--overwrite").AssertFailed("is the folder of the model itself");
        foreach (string[] option in (string[][])[["--format", "hf"], ["--precision", "fp32"], ["--fused-norms"], ["--memory", "2GB"]])
            SlebCli.Run(["export", dense.Path, "--out", _folder["out"], .. option]).AssertWrongCall(
                $"{dense.Path} is an ONNX Runtime GenAI folder, whose weights stay as they are; {option[0]} is for a Hugging Face folder.", "sleb export");
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void The_official_builders_folder_is_cut_too()
    {
        string builders = TestFiles.Shared("reference", "genai-builder", "tiny-llama-int4");
        Assert.Equal(5, SlebCli.Run("export", builders, "--remove-blocks", "2", "--out", _folder["cut"], "--json").Json.GetProperty("survivors").GetArrayLength());
        Assert.Equal(5, SlebCli.Run("inspect", _folder["cut"], "--json").Json.GetProperty("blocks").GetInt32());
    }

    public void Dispose() => _folder.Dispose();

    private string? Continue(string name) =>
        SlebCli.Run("generate", _folder[name], "--prompt", "The old man", "--ignore-eos", "--json").Json.GetProperty("text").GetString();
}
