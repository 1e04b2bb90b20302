using System.Diagnostics;
using System.Runtime.InteropServices;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>The number formats a graph can compute in.</summary>
internal static class FloatTypes
{
    /// <summary>The largest float32 that is not rounded to infinity: below the middle between the format's largest number and where its next would be.</summary>
    public static float Largest(DataType type) => type switch
    {
        DataType.Float => float.MaxValue,
        DataType.Float16 => MathF.BitDecrement(65520),
        DataType.Bfloat16 => BitConverter.UInt32BitsToSingle(0x7F7F_7FFF),
        _ => throw new UnreachableException(),
    };

    /// <summary>The largest relative error of rounding to the format.</summary>
    public static double UnitRoundoff(DataType type) => type switch
    {
        DataType.Float => 1.0 / (1 << 24),
        DataType.Float16 => 1.0 / (1 << 11),
        DataType.Bfloat16 => 1.0 / (1 << 8),
        _ => throw new UnreachableException(),
    };

    /// <summary>The bits of the nearest number of a 16-bit format, ties to even.</summary>
    public static void Round(DataType type, ReadOnlySpan<float> values, Span<ushort> destination)
    {
        if (type == DataType.Float16)
        {
            for (int i = 0; i < values.Length; i++) destination[i] = BitConverter.HalfToUInt16Bits((Half)values[i]);
            return;
        }
        // bfloat16 is the upper half of a float32; what is added carries into it where the lower half is past the middle.
        var bits = MemoryMarshal.Cast<float, uint>(values);
        for (int i = 0; i < bits.Length; i++) destination[i] = (ushort)((bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) >> 16);
    }
}
