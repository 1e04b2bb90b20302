using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Sleb.Cli;
using Sleb.Onnx.Runtime;
using Xunit;

namespace Sleb.GpuSmoke;

/// <summary>ONNX Runtime's CUDA build on a machine that need not have a GPU: does it load, score on its CPU provider, and say why CUDA is not used?</summary>
public sealed class CudaBuildTests : IDisposable
{
    private static readonly string Root = FindRoot();
    private static readonly string TinyNovels = Path.Combine(Root, "models", "tiny-novels");

    private readonly string _folder = Directory.CreateTempSubdirectory("sleb-gpu-smoke-").FullName;

    [Fact]
    public void The_library_in_this_process_has_the_CUDA_provider()
    {
        Assert.Equal("1.31.0", OrtEnv.Instance().GetVersionString());
        Assert.Contains("CUDAExecutionProvider", OrtEnv.Instance().GetAvailableProviders());
    }

    [Fact]
    public void A_folder_scores_on_its_CPU_provider_as_the_reference_says()
    {
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, "tests", "Sleb.Tests", "data", "tiny-novels.json")));
        string folder = Export("cpu", "fp32", "--remove-blocks", "5");
        var found = Json("perplexity", folder, "--text", Path.Combine(TinyNovels, "calibration.txt"), "--sequence-length", "256", "--windows", "8");
        Assert.Equal(expected.RootElement.GetProperty("rounds")[0].GetProperty("mean_nll").GetProperty("5").GetDouble(), found.GetProperty("meanNll").GetDouble(), 1e-4);

        // Block by block too, through ONNX Runtime alone.
        string[] search = ["--remove", "1", "--calibration", Path.Combine(TinyNovels, "calibration.txt"), "--sequence-length", "128", "--windows", "2", "--evaluation-windows", "1"];
        var pruned = Json(["prune", Export("cpu", "fp32"), .. search, "--run", Path.Combine(_folder, "run"), "--out", Path.Combine(_folder, "out")]);
        Assert.Equal(pruned.GetProperty("pruned").GetProperty("meanNll").GetDouble(), pruned.GetProperty("shipped").GetProperty("meanNll").GetDouble(), 1e-4);
    }

    [Fact]
    public void A_folder_for_CUDA_is_tried_there_and_refused_in_a_sentence_where_it_cannot_be()
    {
        // GenAI is the CPU build here, so the provider call fails on every machine.
        string folder = Export("cuda", "fp16");
        var refusal = Assert.Throws<InvalidOperationException>(() => GenAIModel.Load(folder, gpuDeviceId: 0));
        Assert.Matches("^CUDA device 0 was asked for, but ONNX Runtime GenAI cannot use it: [^\n]+ Build with SlebRuntime=cuda on a machine with an NVIDIA driver, or set FallbackToCpu.$", refusal.Message);
        TestContext.Current.TestOutputHelper!.WriteLine(refusal.Message);
        using var model = GenAIModel.Load(folder, gpuDeviceId: 0, fallbackToCpu: true);
        Assert.Equal(("cpu", true), (model.Device, model.FellBackToCpu));
        Assert.Equal(4, model.Generate([1, 2], new GenerationOptions { MaxNewTokens = 4, IgnoreEos = true }, null, TestContext.Current.CancellationToken).Count);
    }

    [Fact]
    public void The_doctor_tells_the_CUDA_build_from_a_usable_GPU()
    {
        var libraries = Json("doctor").GetProperty("libraries").EnumerateArray().ToDictionary(library => library.GetProperty("name").GetString()!);
        Assert.All(libraries.Values, library => Assert.Equal("cpu", library.GetProperty("cpu").GetProperty("device").GetString()));
        var runtime = libraries["ONNX Runtime"];
        Assert.Equal("1.31.0", runtime.GetProperty("version").GetString());
        Assert.Contains("CUDAExecutionProvider", runtime.GetProperty("devices").EnumerateArray().Select(device => device.GetString()));
        string? reason = runtime.GetProperty("cuda").GetProperty("reason").GetString();
        TestContext.Current.TestOutputHelper!.WriteLine(reason ?? "CUDA runs here.");
        if (reason is not null) Assert.Matches("^ONNX Runtime cannot use CUDA device 0: [^\n]+[.]$", reason);
        if (reason is not null && OperatingSystem.IsLinux() && !File.Exists("/dev/nvidiactl"))
            Assert.Matches(@"lib(cu\w+)\.so\.\d+: cannot open shared object file", reason); // the first of CUDA's libraries
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Export(string target, string precision, params string[] more)
    {
        string folder = Path.Combine(_folder, Guid.NewGuid().ToString());
        _ = Json(["export", TinyNovels, "--out", folder, "--target", target, "--precision", precision, .. more]);
        return folder;
    }

    private static JsonElement Json(params string[] args)
    {
        using StringWriter output = new(), error = new();
        int exit = SlebCommandLine.Run([.. args, "--json"], output, error, TestContext.Current.CancellationToken);
        Assert.True(exit == 0, $"{string.Join(' ', args)}: exit code {exit}, {error}");
        return JsonDocument.Parse(output.ToString()).RootElement;
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Sleb.MLNet.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("Sleb.MLNet.sln not found above " + AppContext.BaseDirectory);
    }
}
