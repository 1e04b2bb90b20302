using TorchSharp;

namespace Sleb.Torch.Families;

/// <summary>Sums and products that hold the numbers libtorch reads.</summary>
/// <remarks>
/// TorchSharp's operators make a <see cref="Scalar"/> of every number (x + y is x + 1 * y), hand its address to libtorch and forget the
/// object: where another thread's garbage collection comes between, the number is freed while it is read. Once in some hundred
/// thousand times under load libtorch then fails with "Unknown scalar type", or computes with whatever lies there. A test sees to it
/// that nothing in this library calls them.
/// </remarks>
internal static class TensorArithmetic
{
    private static readonly Scalar One = 1, MinusOne = -1, MinusInfinity = double.NegativeInfinity;

    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, One);

    public static Tensor PlusInPlace(this Tensor x, Tensor y) => x.add_(y, One);

    public static Tensor Plus(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.add(scalar, One);
    }

    public static Tensor Minus(this Tensor x, long number)
    {
        using Scalar scalar = number;
        return x.sub(scalar);
    }

    public static Tensor Times(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.mul(scalar);
    }

    public static Tensor Over(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.div(scalar);
    }

    public static Tensor TimesInPlace(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.mul_(scalar);
    }

    /// <summary>x + a * b, in place.</summary>
    public static Tensor PlusProductInPlace(this Tensor x, Tensor a, Tensor b) => x.addcmul_(a, b, One);

    /// <summary>x - a * b, in place.</summary>
    public static Tensor MinusProductInPlace(this Tensor x, Tensor a, Tensor b) => x.addcmul_(a, b, MinusOne);

    /// <summary>Adds a source's rows to the rows of x that an index names, in place.</summary>
    public static Tensor PlusRowsInPlace(this Tensor x, Tensor index, Tensor source) => x.index_add_(0, index, source, One);

    /// <summary>Where a mask is true, no softmax sees anything any more.</summary>
    public static Tensor ForgetInPlace(this Tensor scores, Tensor mask) => scores.masked_fill_(mask, MinusInfinity);

    public static Tensor IsEqual(this Tensor x, long number)
    {
        using Scalar scalar = number;
        return x.eq(scalar);
    }

    /// <summary>The nearest number from <paramref name="first"/> to <paramref name="last"/>.</summary>
    public static Tensor Within(this Tensor x, long first, long last)
    {
        using Scalar low = first, high = last;
        return x.clamp(low, high);
    }

    /// <summary>1 / sqrt(mean of the last dimension's squares + epsilon).</summary>
    public static Tensor InverseRootMeanSquare(this Tensor x, double epsilon)
    {
        using var scope = NewDisposeScope();
        using Scalar scalar = epsilon;
        return (x * x).mean([-1], keepdim: true).add_(scalar, One).rsqrt_().MoveToOuterDisposeScope();
    }
}
