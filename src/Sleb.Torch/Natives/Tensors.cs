namespace Sleb.Torch.Natives;

internal static unsafe class Tensors
{
    /// <summary>A CPU tensor's first number, in libtorch's memory, which no garbage collection moves. The tensor has no gaps and outlives the pointer.</summary>
    public static T* At<T>(Tensor tensor) where T : unmanaged
    {
        fixed (byte* first = tensor.bytes) return (T*)first;
    }
}
