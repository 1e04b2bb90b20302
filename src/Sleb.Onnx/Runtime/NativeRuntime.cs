using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>Loads the native libraries once, in the order they need.</summary>
internal static class NativeRuntime
{
    private const string TelemetrySwitch = "ORT_DISABLE_TELEMETRY";

    private static readonly Lazy<string[]> Loaded = new(Load);

    /// <summary>Execution providers of the ONNX Runtime in this process.</summary>
    public static IReadOnlyList<string> Providers => Loaded.Value;

    private static string[] Load()
    {
        Environment.SetEnvironmentVariable(TelemetrySwitch, "1");
        if (!OperatingSystem.IsWindows()) SetNatively();
        // GenAI looks for ONNX Runtime in a static initialiser, so ONNX Runtime comes first.
        string[] providers = OrtEnv.Instance().GetAvailableProviders();
        Utils.DisableTelemetryEvents();
        return providers;
    }

    /// <summary>.NET keeps its own copy of the environment outside Windows; the native libraries read the process's.</summary>
    private static void SetNatively()
    {
        try
        {
            _ = SetEnv(TelemetrySwitch, "1", 1);
        }
        catch (DllNotFoundException)
        {
            // A system that names its C library otherwise: the calls that follow switch telemetry off all the same, a moment later.
        }
    }

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, ExactSpelling = true)]
    private static extern int SetEnv(string name, string value, int overwrite);
}
