using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

/// <summary>The exponential function in float32.</summary>
internal static class VectorExp
{
    /// <summary>
    /// Of numbers up to 0, within two units in the last place: 2^n e^r with |r| at most half of ln 2 and a polynomial for e^r (Cephes' expf,
    /// Moshier). .NET's own computes in double precision, which takes three times as long.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OfNegative(Vector256<float> x)
    {
        const float SmallestPower = -126;
        // The processor's own maximum is the second number where one is NaN, so a NaN stays; Vector256.Max takes several instructions.
        var n = Vector256.MaxNative(Vector256.Create(SmallestPower), Vector256.Round(x * Vector256.Create(1.44269504f)));
        var r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-0.693359375f), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(2.12194440e-4f), r);
        r = Vector256.MaxNative(Vector256.Create(-1f), r); // below the smallest power all is as good as nothing
        var p = Vector256.Create(1.9875691500e-4f);
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1.3981999507e-3f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(8.3334519073e-3f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(4.1665795894e-2f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1.6666665459e-1f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(5.0000001201e-1f));
        p = Vector256.FusedMultiplyAdd(p, r * r, r + Vector256<float>.One);
        return p * ((Vector256.ConvertToInt32Native(n) + Vector256.Create(127)) << 23).AsSingle();
    }
}
