using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sleb.Onnx.Protos;

namespace Sleb.Cli.Doctor;

/// <summary>What graphs run on.</summary>
internal sealed partial class OnnxRuntimeProbe() : LibraryProbe("onnxruntime", "ONNX Runtime", $"a graph of {KnownProduct.Check}")
{
    private const string Cuda = "CUDAExecutionProvider";

    protected override LibraryReport Load() => new()
    {
        Version = OrtEnv.Instance().GetVersionString(),
        Path = PathOf("onnxruntime"),
        Devices = OrtEnv.Instance().GetAvailableProviders(),
    };

    protected override void Run(int? gpuDeviceId)
    {
        using var options = new SessionOptions();
        if (gpuDeviceId is { } id) UseCuda(options, id);
        using var session = new InferenceSession(Graph(), options);
        using var x = OrtValue.CreateTensorValueFromMemory(KnownProduct.Factor, [2, 2]);
        using var run = new RunOptions();
        using var outputs = session.Run(run, new Dictionary<string, OrtValue> { ["x"] = x }, ["y"]);
        KnownProduct.Require(outputs[0].GetTensorDataAsSpan<float>());
    }

    private static void UseCuda(SessionOptions options, int id)
    {
        string[] providers = OrtEnv.Instance().GetAvailableProviders();
        if (!providers.Contains(Cuda)) throw new InvalidOperationException($"This build of ONNX Runtime has no {Cuda} (it has {string.Join(", ", providers)}); build with SlebRuntime=cuda.");
        try
        {
            options.AppendExecutionProvider_CUDA(id);
            options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); // a node it cannot take is an error, not the CPU's
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidOperationException($"ONNX Runtime cannot use CUDA device {id}: {Missing() ?? e.Message.Split('\n')[0].TrimEnd('.', ' ')}.", e);
        }
    }

    /// <summary>What the CUDA provider's library lacks, which ONNX Runtime tells its log alone: loading it once more says it; null where the system does not.</summary>
    private static string? Missing()
    {
        string name = OperatingSystem.IsWindows() ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
        try
        {
            NativeLibrary.Load(Path.Combine(Path.GetDirectoryName(PathOf("onnxruntime")) ?? "", name));
            return null;
        }
        catch (DllNotFoundException e)
        {
            return Cause().Match(e.Message) is { Success: true } cause ? cause.Value : null;
        }
    }

    private static byte[] Graph()
    {
        var graph = new GraphProto { Name = "doctor", Input = { Matrix("x") }, Output = { Matrix("y") } };
        graph.Node.Add(new NodeProto { Name = "product", OpType = "MatMul", Input = { "x", "x" }, Output = { "y" } });
        return new ModelProto { IrVersion = 10, OpsetImport = { new OperatorSetIdProto { Version = 21 } }, Graph = graph }.ToByteArray();
    }

    private static ValueInfoProto Matrix(string name)
    {
        var shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimValue = 2 }, new TensorShapeProto.Types.Dimension { DimValue = 2 } } };
        return new() { Name = name, Type = new() { TensorType = new() { ElemType = (int)TensorProto.Types.DataType.Float, Shape = shape } } };
    }

    [GeneratedRegex(@"\S+: cannot open shared object file")]
    private static partial Regex Cause();
}
