namespace Sleb.Cli.Doctor;

/// <summary>A matrix times itself.</summary>
internal static class KnownProduct
{
    public const string Check = "a matrix product";

    /// <summary>Two rows of two.</summary>
    public static float[] Factor => [1, 2, 3, 4];

    /// <exception cref="InvalidOperationException">It is not the factor times itself.</exception>
    public static void Require(ReadOnlySpan<float> product)
    {
        if (!product.SequenceEqual([7, 10, 15, 22]))
            throw new InvalidOperationException(FormattableString.Invariant($"The product of (1 2; 3 4) with itself came out as ({string.Join(' ', product.ToArray())}) instead of (7 10 15 22)."));
    }
}
