using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

internal static unsafe class Tensors
{
    /// <summary>Whether our own loops serve a tensor: they run on the CPU, and are worth it where it has vectors of 256 bits.</summary>
    public static bool AreOurs(Tensor tensor) => tensor.device.type == TorchSharp.DeviceType.CPU && Vector256.IsHardwareAccelerated;

    /// <summary>Float32 without gaps, in whole pairs of vectors, and ours.</summary>
    public static bool IsPlain(Tensor tensor) =>
        tensor.dtype == float32 && AreOurs(tensor) && tensor.is_contiguous() && tensor.shape[^1] % (2 * Vector256<float>.Count) == 0;

    /// <summary>A CPU tensor's first number, in libtorch's memory, which no garbage collection moves. The tensor has no gaps and outlives the pointer.</summary>
    public static T* At<T>(Tensor tensor) where T : unmanaged
    {
        fixed (byte* first = tensor.bytes) return (T*)first;
    }
}
