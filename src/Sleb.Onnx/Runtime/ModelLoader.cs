using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntimeGenAI;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.GenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>Opens a folder with GenAI and turns its errors into sentences.</summary>
internal static partial class ModelLoader
{
    private const string Threads = "intra_op_num_threads";

    /// <param name="gpuDeviceId">The CUDA device, or null for the CPU.</param>
    /// <param name="threads">Cores to compute on; null is what the folder says, else all there are.</param>
    public static SharedModel Open(string folder, GenAIConfig settings, int? gpuDeviceId, int? threads = null)
    {
        if (gpuDeviceId is not null) CheckCuda(folder);
        else _ = NativeRuntime.Providers;
        try
        {
            using var config = new Config(folder);
            config.Overlay(new JsonObject { ["model"] = Overlay(settings, threads ?? (SaysThreads(folder) ? null : PhysicalCores.Count)) }.ToJsonString());
            config.ClearProviders();
            if (gpuDeviceId is { } device)
            {
                config.AppendProvider("cuda");
                config.SetProviderOption("cuda", "device_id", device.ToString(CultureInfo.InvariantCulture));
            }
            return new SharedModel(new Model(config));
        }
        catch (OnnxRuntimeGenAIException e) when (gpuDeviceId is not null && CudaMissing().IsMatch(e.Message))
        {
            throw new InvalidOperationException(
                $"CUDA device {gpuDeviceId} was asked for, but ONNX Runtime GenAI cannot use it: {e.Message.TrimEnd('.')}. Build with SlebRuntime=cuda on a machine with an NVIDIA driver, or set FallbackToCpu.", e);
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new CheckpointException($"The model folder {folder} does not load: {e.Message.TrimEnd('.')}. Export it again.", e);
        }
    }

    /// <summary>Whether a folder was refused only because the device has no kernel for one of its types.</summary>
    public static bool LacksKernel(CheckpointException e) => e.InnerException?.Message.Contains("NOT_IMPLEMENTED", StringComparison.Ordinal) is true
        || e.InnerException?.Message.Contains("Could not find an implementation", StringComparison.Ordinal) is true;

    /// <summary>
    /// Any folder is run without a pad token (see <see cref="GenAIConfig.NoPadToken"/>). GenAI wants an end of sequence then; where the
    /// folder has none, any id serves, since what ends a text is decided here.
    /// </summary>
    private static JsonObject Overlay(GenAIConfig settings, int? threads)
    {
        var model = new JsonObject { ["pad_token_id"] = GenAIConfig.NoPadToken };
        if (settings.EosTokenIds.Count == 0) model["eos_token_id"] = 0;
        if (threads is { } count) model["decoder"] = new JsonObject { ["session_options"] = new JsonObject { [Threads] = count } };
        return model;
    }

    private static bool SaysThreads(string folder) => File.ReadAllText(Path.Combine(folder, GenAIConfig.FileName)).Contains("\"" + Threads + "\"", StringComparison.Ordinal);

    /// <summary>What can be known before weights are loaded.</summary>
    private static void CheckCuda(string folder)
    {
        if (!NativeRuntime.Providers.Contains("CUDAExecutionProvider"))
            throw new InvalidOperationException(
                $"A CUDA device was asked for, but the ONNX Runtime of this process has no CUDA provider (it has {string.Join(", ", NativeRuntime.Providers)}). Build with SlebRuntime=cuda, or set FallbackToCpu.");
        if (Provenance.Read(folder) is { Target: "cpu" })
            throw new InvalidOperationException($"{folder} was written for the CPU, whose float32 attention CUDA does not have. Export it with --target cuda, or set FallbackToCpu.");
    }

    [GeneratedRegex("cuda", RegexOptions.IgnoreCase)]
    private static partial Regex CudaMissing();
}
