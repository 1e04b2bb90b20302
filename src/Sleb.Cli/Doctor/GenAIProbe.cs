using System.Text.Json.Nodes;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;

namespace Sleb.Cli.Doctor;

/// <summary>What written folders run on.</summary>
internal sealed class GenAIProbe() : LibraryProbe("genai", "ONNX Runtime GenAI", "a model of one block, written, loaded and continued")
{
    protected override LibraryReport Load()
    {
        _ = NativeRuntime.Providers;
        string? path = PathOf("onnxruntime-genai");
        return new()
        {
            Version = Version(),
            Path = path,
            Devices = IsBeside(path, "onnxruntime-genai-cuda") ? ["cpu", "cuda"] : ["cpu"],
        };
    }

    /// <summary>Neither the assembly nor the native library says which it is; the application's list of packages does.</summary>
    private static string? Version()
    {
        const string package = "Microsoft.ML.OnnxRuntimeGenAI.Managed/";
        string? list = (AppContext.GetData("APP_CONTEXT_DEPS_FILES") as string)?.Split(';')[0];
        if (!File.Exists(list)) return null;
        var libraries = JsonNode.Parse(File.ReadAllBytes(list))!["libraries"]!.AsObject();
        return libraries.Select(library => library.Key).FirstOrDefault(key => key.StartsWith(package, StringComparison.Ordinal))?[package.Length..];
    }

    protected override void Run(int? gpuDeviceId)
    {
        string folder = Directory.CreateTempSubdirectory("sleb-doctor-").FullName;
        try
        {
            using var checkpoint = CountingModel.Write(Path.Combine(folder, "checkpoint"));
            var (target, precision) = gpuDeviceId is null ? ("cpu", "fp32") : ("cuda", "fp16");
            string written = OnnxExporter.Export(new() { Checkpoint = checkpoint, RemovedBlocks = [], OutFolder = Path.Combine(folder, "onnx"), Target = target, Precision = precision }).Folder;
            using var model = GenAIModel.Load(written, gpuDeviceId);
            var ids = model.Generate([3], new GenerationOptions { MaxNewTokens = 4 });
            if (!ids.SequenceEqual([4, 5, 6, 7])) throw new InvalidOperationException($"The model that counts continued 3 with {string.Join(", ", ids)} instead of 4, 5, 6, 7.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
