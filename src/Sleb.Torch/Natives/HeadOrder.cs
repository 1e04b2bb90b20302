using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sleb.Torch.Natives;

/// <summary>From projections to attention's products and back: heads beside each other in a token, then tokens beside each other in a head.</summary>
/// <remarks>In one pass with what else is to be done to the numbers. Where a tensor is another's, libtorch's operations do it.</remarks>
internal static unsafe class HeadOrder
{
    /// <summary>(B, heads, T, D) to (B * heads / group, T * group, D), in float32 or bfloat16: some neighbouring heads of a token beside each other.</summary>
    /// <param name="x">Without gaps in D.</param>
    public static Tensor? Group(Tensor x, long group, ScalarType type)
    {
        if (x.dtype != float32 || !Tensors.AreOurs(x) || x.stride(3) != 1 || type != float32 && type != bfloat16) return null;
        var y = empty([x.shape[0] * x.shape[1] / group, x.shape[2] * group, x.shape[3]], dtype: type);
        using var first = x[0, 0, 0];
        var order = new Order
        {
            X = Tensors.At<float>(first),
            Y = Tensors.At<byte>(y),
            ToHalf = type == bfloat16,
            Heads = (int)x.shape[1],
            Length = (int)x.shape[2],
            Size = (int)x.shape[3],
            Group = (int)group,
            OfBatch = x.stride(0),
            OfHead = x.stride(1),
            OfToken = x.stride(2),
        };
        TorchThreads.ForRows((int)(x.shape[0] * x.shape[1] * x.shape[2]), &Group, &order);
        return y;
    }

    /// <summary>Attention's weighted sums of values over their weights, from head by head to token by token.</summary>
    /// <param name="x">(B * heads / group, queries * group, D), float32 or bfloat16.</param>
    /// <param name="sums">(B * heads / group, queries * group).</param>
    /// <param name="group">Heads of a token that lie beside each other.</param>
    /// <param name="to">(B, T, heads, D): the queries' tokens from <paramref name="first"/> on are written.</param>
    /// <returns>Whether it was done.</returns>
    public static bool Divide(Tensor x, Tensor sums, long group, Tensor to, long first)
    {
        if (!Tensors.AreOurs(x) || !x.is_contiguous() || !Tensors.IsPlain(to) || x.dtype != bfloat16 && x.dtype != float32) return false;
        var mean = new Mean
        {
            X = Tensors.At<byte>(x),
            Sums = Tensors.At<float>(sums),
            To = Tensors.At<float>(to),
            IsHalf = x.dtype == bfloat16,
            PerHead = (int)x.shape[1],
            Group = (int)group,
            Heads = (int)to.shape[2],
            Length = (int)to.shape[1],
            Size = (int)x.shape[2],
            First = (int)first,
        };
        TorchThreads.ForRows((int)(x.shape[0] * x.shape[1]), &Divide, &mean);
        return true;
    }

    private static void Group(void* arguments, int first, int end)
    {
        var given = *(Order*)arguments;
        int keyHeads = given.Heads / given.Group;
        for (int row = first; row < end; row++)
        {
            int token = row / given.Group % given.Length, keyHead = row / given.Group / given.Length % keyHeads;
            int head = keyHead * given.Group + row % given.Group, batch = row / given.Group / given.Length / keyHeads;
            float* x = given.X + batch * given.OfBatch + head * given.OfHead + token * given.OfToken;
            if (given.ToHalf) BFloat16.Narrow(x, (ushort*)given.Y + (long)row * given.Size, given.Size);
            else new ReadOnlySpan<float>(x, given.Size).CopyTo(new Span<float>((float*)given.Y + (long)row * given.Size, given.Size));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Divide(void* arguments, int first, int end)
    {
        var given = *(Mean*)arguments;
        int size = given.Size, width = Vector256<float>.Count;
        for (int row = first; row < end; row++)
        {
            int keyHeads = given.Heads / given.Group, query = row % given.PerHead / given.Group, keyHead = row / given.PerHead % keyHeads;
            int head = keyHead * given.Group + row % given.Group, batch = row / given.PerHead / keyHeads;
            float* to = given.To + (((long)batch * given.Length + given.First + query) * given.Heads + head) * size;
            var sum = Vector256.Create(given.Sums[row]);
            if (given.IsHalf)
            {
                ushort* x = (ushort*)given.X + (long)row * size;
                for (int i = 0; i < size; i += 2 * width)
                {
                    var (low, high) = BFloat16.Load(x + i);
                    (low / sum).Store(to + i);
                    (high / sum).Store(to + i + width);
                }
            }
            else
            {
                float* x = (float*)given.X + (long)row * size;
                for (int i = 0; i < size; i += width) (Vector256.Load(x + i) / sum).Store(to + i);
            }
        }
    }

    private struct Order
    {
        public float* X;
        public byte* Y;
        public bool ToHalf;
        public int Heads, Length, Size, Group;
        public long OfBatch, OfHead, OfToken;
    }

    private struct Mean
    {
        public byte* X;
        public float* Sums, To;
        public bool IsHalf;
        public int PerHead, Group, Heads, Length, Size, First;
    }
}
