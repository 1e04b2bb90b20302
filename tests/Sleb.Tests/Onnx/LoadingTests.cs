using Microsoft.ML.OnnxRuntime;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>A folder or a GPU that is not there is told in one sentence, before anything is computed.</summary>
public class LoadingTests
{
    [Fact]
    public void AMissingFolderIsNamed()
    {
        using var temporary = new TemporaryFolder();
        Assert.Contains("does not exist", Assert.Throws<CheckpointException>(() => GenAIModel.Load(temporary["gone"])).Message);
        Assert.Contains("genai_config.json", Assert.Throws<CheckpointException>(() => GenAIModel.Load(temporary.Path)).Message);
    }

    [Theory]
    [InlineData("model.onnx", 0)]
    [InlineData("model.onnx", 1000)]
    [InlineData("model.onnx.data", 5000)]
    [InlineData("model.onnx.data", -1)]
    public void ADamagedFolderIsNamed(string file, int length)
    {
        using var exported = Exported.Of(TestFiles.Data("conformance", "llama"));
        string path = Path.Combine(exported.Folder, file);
        if (length < 0) File.Delete(path);
        else using (var stream = File.OpenWrite(path)) stream.SetLength(length);
        var refusal = Assert.Throws<CheckpointException>(() => GenAIModel.Load(exported.Folder));
        Assert.Contains(exported.Folder, refusal.Message);
        Assert.Contains("Export it again", refusal.Message);
    }

    [Fact]
    public void AGpuThatIsNotThereIsAnErrorUnlessTheCpuMayStandIn()
    {
        Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "This build has CUDA.");
        using var exported = Exported.Of(TestFiles.Data("conformance", "llama"));
        var refusal = Assert.Throws<InvalidOperationException>(() => GenAIModel.Load(exported.Folder, gpuDeviceId: 0));
        Assert.Contains("CUDA", refusal.Message);
        Assert.Contains("FallbackToCpu", refusal.Message);

        using var model = GenAIModel.Load(exported.Folder, gpuDeviceId: 0, fallbackToCpu: true);
        Assert.True(model.FellBackToCpu);
        Assert.Equal("cpu", model.Device);
        Assert.False(exported.Model.FellBackToCpu);
        Assert.Equal("cpu", exported.Model.Device);
    }

    [Fact]
    public void AFolderWrittenForCudaAsksForIt()
    {
        Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "This build has CUDA.");
        using var exported = Exported.Of(TestFiles.Data("conformance", "llama"));
        string path = Path.Combine(exported.Folder, "genai_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"provider_options\": []", "\"provider_options\": [{\"cuda\": {\"enable_cuda_graph\": \"0\"}}]"));
        Assert.Throws<InvalidOperationException>(() => GenAIModel.Load(exported.Folder));
        using var model = GenAIModel.Load(exported.Folder, fallbackToCpu: true);
        Assert.True(model.FellBackToCpu);
        Assert.Single(model.Generate([1], new() { MaxNewTokens = 1, IgnoreEos = true }, null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void DisposingWaitsForCallsUnderWay()
    {
        using var exported = Exported.Of(TestFiles.Data("conformance", "llama"));
        var model = GenAIModel.Load(exported.Folder);
        var options = new GenerationOptions { MaxNewTokens = 10, IgnoreEos = true };
        var ids = model.Generate([1, 2], options, _ => model.Dispose(), TestContext.Current.CancellationToken);
        Assert.Equal(exported.Model.Generate([1, 2], options, null, TestContext.Current.CancellationToken), ids);
        Assert.Throws<ObjectDisposedException>(() => model.Generate([1, 2], options, null, TestContext.Current.CancellationToken));
        model.Dispose();
    }
}
