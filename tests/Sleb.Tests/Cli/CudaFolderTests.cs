using Microsoft.ML.OnnxRuntime;

namespace Sleb.Tests.Cli;

/// <summary>A folder for a machine with CUDA, written on one without: is it there, and is it said that nobody ran it?</summary>
public sealed class CudaFolderTests : IDisposable
{
    private const string NotRun = "warning: Not run on this machine: there is no CUDA here, and the CPU lacks kernels for bf16.";

    private readonly TemporaryFolder _folder = new();

    public CudaFolderTests() => Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "This build has CUDA.");

    [Fact]
    public void Pruning_twice_finds_the_folder_and_says_so_again()
    {
        using var run = new PruneRun();
        for (int i = 0; i < 2; i++)
        {
            var call = run.Prune(1, "--target", "cuda", "--precision", "bf16", "--json");
            Assert.Equal(run.Out, call.Json.GetProperty("folder").GetString());
            Assert.Equal(System.Text.Json.JsonValueKind.Null, call.Json.GetProperty("shipped").ValueKind);
            Assert.Single(CliResult.Lines(call.Error), line => line.StartsWith(NotRun, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(NotRun, "bf16")]
    [InlineData("warning: Run on this machine's CPU alone", "fp16", "--fused-norms")]
    public void Blocks_are_cut_out_of_it_and_it_is_said_where_the_rest_ran(string note, string precision, params string[] more)
    {
        string[] form = ["--target", "cuda", "--precision", precision, .. more];
        foreach (var (name, removed) in new (string, string[])[] { ("dense", []), ("direct", ["--remove-blocks", "3"]) })
            Assert.Equal(0, SlebCli.Run(["export", TestFiles.TinyNovels, "--out", _folder[name], .. removed, .. form]).ExitCode);
        var cut = SlebCli.Run("export", _folder["dense"], "--remove-blocks", "3", "--out", _folder["cut"], "--json");
        Assert.Equal(11, cut.Json.GetProperty("survivors").GetArrayLength());
        Assert.Contains(note, cut.Error);
        foreach (string file in (string[])["genai_config.json", "model.onnx.data"])
            Assert.Equal(File.ReadAllBytes(_folder["direct", file]), File.ReadAllBytes(_folder["cut", file]));
        Assert.Contains("already there", SlebCli.Run("export", _folder["dense"], "--remove-blocks", "3", "--out", _folder["cut"]).Out);
        if (precision == "bf16") SlebCli.Run("prune", _folder["dense"], "--remove", "1", "--calibration", Path.Combine(TestFiles.TinyNovels, "calibration.txt"), "--run", _folder["run"])
            .AssertFailed("ONNX Runtime cannot run", "on the CPU", "implementation");
    }

    [Fact]
    public void Running_it_is_refused_in_a_sentence()
    {
        Assert.Equal(0, SlebCli.Run("export", TestFiles.TinyNovels, "--out", _folder["fp16"], "--target", "cuda", "--precision", "fp16").ExitCode);
        SlebCli.Run("generate", _folder["fp16"], "--input-ids", "1,2").AssertFailed("has no CUDA provider", "SlebRuntime=cuda");
    }

    public void Dispose() => _folder.Dispose();
}
