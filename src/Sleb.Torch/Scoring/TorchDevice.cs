using Sleb.Torch.Natives;

namespace Sleb.Torch.Scoring;

/// <summary>Where TorchSharp computes.</summary>
internal static class TorchDevice
{
    /// <exception cref="InvalidOperationException">The GPU asked for is not there; the message says what was found.</exception>
    public static Device Get(int? gpuDeviceId)
    {
        LibTorch.EnsureLoaded();
        if (gpuDeviceId is not { } id) return CPU;
        if (!cuda.is_available())
            throw new InvalidOperationException($"GPU {id} was asked for, but this libtorch finds no CUDA device; install the CUDA build of libtorch (SlebRuntime=cuda) and a driver, leave the GPU id out, or set FallbackToCpu.");
        if (id < 0 || id >= cuda.device_count())
            throw new InvalidOperationException($"GPU {id} was asked for, but this machine has {cuda.device_count()} CUDA device(s), numbered from 0.");
        return device(TorchSharp.DeviceType.CUDA, id);
    }
}
