using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

/// <summary>The upper half of a float32, which .NET 10 has no type for.</summary>
internal static unsafe class BFloat16
{
    /// <summary>Sixteen numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Low, Vector256<float> High) Load(ushort* from)
    {
        var (low, high) = Vector256.Widen(Vector256.Load(from));
        return ((low << 16).AsSingle(), (high << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ushort* from, float* to, int count)
    {
        int width = Vector256<ushort>.Count, whole = count - count % width;
        for (int i = 0; i < whole; i += width)
        {
            var (low, high) = Load(from + i);
            low.Store(to + i);
            high.Store(to + i + width / 2);
        }
        for (int i = whole; i < count; i++) to[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
    }

    /// <summary>To the nearest, of two as near ones the even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(float* from, ushort* to, int count)
    {
        int width = Vector256<ushort>.Count, whole = count - count % width;
        for (int i = 0; i < whole; i += width) Vector256.Narrow(Upper(from + i), Upper(from + i + width / 2)).Store(to + i);
        for (int i = whole; i < count; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(from[i]);
            to[i] = (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<uint> Upper(float* at)
        {
            var bits = Vector256.Load(at).AsUInt32();
            return (bits + Vector256.Create(0x7FFFu) + (bits >> 16 & Vector256<uint>.One)) >> 16;
        }
    }
}
