namespace Sleb.MLNet;

/// <summary>Libraries here reference no native package, so a forgotten one must be named.</summary>
internal static class MissingNatives
{
    /// <summary>Runs something that loads native libraries; where one is missing, says which package brings it.</summary>
    /// <exception cref="InvalidOperationException">A native library is missing.</exception>
    public static T Explain<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (Sentence(e) is { } sentence)
        {
            throw new InvalidOperationException(sentence, e);
        }
    }

    internal static string? Sentence(Exception? exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is not DllNotFoundException) continue;
            if (Mentions(e, "onnxruntime-genai")) return Sentence("ONNX Runtime GenAI", "Microsoft.ML.OnnxRuntimeGenAI (or Microsoft.ML.OnnxRuntimeGenAI.Cuda)");
            if (Mentions(e, "onnxruntime")) return Sentence("ONNX Runtime", "Microsoft.ML.OnnxRuntime (or Microsoft.ML.OnnxRuntime.Gpu)");
            if (Mentions(e, "torch") || Mentions(e, "c10")) return Sentence("libtorch", Torch());
        }
        return null;
    }

    private static string Sentence(string library, string package) =>
        $"The native library of {library} is missing: add the package {package} to the application's project, or Sleb.MLNet.Cpu (or Sleb.MLNet.Cuda), which brings all it needs.";

    private static string Torch() =>
        OperatingSystem.IsWindows() ? "libtorch-cpu-win-x64 (or TorchSharp-cuda-windows)"
        : OperatingSystem.IsMacOS() ? "libtorch-cpu-osx-arm64"
        : "libtorch-cpu-linux-x64 (or TorchSharp-cuda-linux)";

    private static bool Mentions(Exception e, string name) => e.Message.Contains(name, StringComparison.OrdinalIgnoreCase);
}
