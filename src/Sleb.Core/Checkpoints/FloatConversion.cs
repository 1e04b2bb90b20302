using System.Numerics;
using System.Runtime.InteropServices;

namespace Sleb.Core.Checkpoints;

/// <summary>Widening of checkpoint elements to float32.</summary>
internal static class FloatConversion
{
    public static void Widen(TensorType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case TensorType.F32:
                MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
                break;
            case TensorType.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(source);
                for (int i = 0; i < halves.Length; i++) destination[i] = (float)halves[i];
                break;
            default: // bfloat16 is the upper half of a float32
                var words = MemoryMarshal.Cast<byte, ushort>(source);
                var bits = MemoryMarshal.Cast<float, uint>(destination);
                for (int i = 0; i < words.Length; i++) bits[i] = (uint)words[i] << 16;
                break;
        }
    }

    /// <summary>x * 0 is NaN exactly where x is not finite, and a sum keeps a NaN.</summary>
    public static bool HasNonFinite(ReadOnlySpan<float> values)
    {
        var sum = Vector<float>.Zero;
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
            sum += new Vector<float>(values[i..]) * 0f;
        float rest = Vector.Sum(sum);
        for (; i < values.Length; i++) rest += values[i] * 0f;
        return rest != 0f;
    }

    /// <summary>The same on stored elements: not finite is an exponent of ones.</summary>
    public static bool HasNonFinite(TensorType type, ReadOnlySpan<byte> source) => type switch
    {
        TensorType.F32 => HasAll(MemoryMarshal.Cast<byte, uint>(source), 0x7F80_0000u),
        TensorType.F16 => HasAll(MemoryMarshal.Cast<byte, ushort>(source), (ushort)0x7C00),
        _ => HasAll(MemoryMarshal.Cast<byte, ushort>(source), (ushort)0x7F80),
    };

    /// <summary>Whether an element has every bit of <paramref name="bits"/>.</summary>
    private static bool HasAll<T>(ReadOnlySpan<T> elements, T bits) where T : unmanaged, IBinaryInteger<T>
    {
        var mask = new Vector<T>(bits);
        int i = 0;
        for (; i <= elements.Length - Vector<T>.Count; i += Vector<T>.Count)
            if (Vector.EqualsAny(new Vector<T>(elements[i..]) & mask, mask)) return true;
        for (; i < elements.Length; i++)
            if ((elements[i] & bits) == bits) return true;
        return false;
    }
}
