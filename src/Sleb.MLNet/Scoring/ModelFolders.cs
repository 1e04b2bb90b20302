namespace Sleb.MLNet.Scoring;

/// <summary>Loads model folders, each once a process.</summary>
internal static class ModelFolders
{
    /// <param name="folder">An ONNX Runtime GenAI folder.</param>
    /// <param name="fingerprint">Of that folder.</param>
    /// <param name="warn">Hears a sentence where the CPU is used in place of the GPU.</param>
    public static ModelLease Acquire(string folder, string fingerprint, int? gpuDeviceId, bool fallbackToCpu, Action<string>? warn = null) =>
        LoadedModels.Acquire(
            new(fingerprint, gpuDeviceId, fallbackToCpu),
            () => MissingNatives.Explain(() => ScoringModel.Load(folder, gpuDeviceId, fallbackToCpu, warn)));
}
