using Sleb.Torch.Natives;

namespace Sleb.Torch.Families;

/// <summary>The products of one pass through a block or the head: what a pass that differs little from it is computed against.</summary>
/// <remarks>In bfloat16: what the rounding adds is the same for all that are compared, and reading them is what they cost.</remarks>
internal sealed unsafe class ReferencePass(KeptMemory memory) : IDisposable
{
    private readonly Dictionary<(WeightProducts, VocabularySlice?), KnownProduct> _products = [];
    private readonly List<(nint At, long Bytes)> _pieces = [];
    private (Tensor Given, nint Copy)? _last; // queries, keys and values have one input

    public long Bytes => _pieces.Sum(piece => piece.Bytes);

    /// <summary>Remembers a product of float32 on the CPU; of others there is nothing to be had in eight bits.</summary>
    public void Add(WeightProducts products, VocabularySlice? slice, Tensor input, Tensor output)
    {
        if (input.dtype != float32 || output.dtype != float32 || !Tensors.AreOurs(input)) return;
        if (!ReferenceEquals(_last?.Given, input)) _last = (input, Copy(input));
        _products[(products, slice)] = new(_last!.Value.Copy, Copy(output), (int)(input.numel() / input.shape[^1]));
    }

    /// <summary>Null where that pass had no such product, or the input is not one or more of as many rows.</summary>
    public KnownProduct? Find(WeightProducts products, VocabularySlice? slice, Tensor input) =>
        _products.TryGetValue((products, slice), out var known) && input.numel() / input.shape[^1] % known.Rows == 0 ? known : null;

    public void Dispose()
    {
        _pieces.ForEach(piece => memory.Give(piece.At, piece.Bytes));
        _pieces.Clear();
        _products.Clear();
        _last = null;
    }

    /// <summary>Of its own: what becomes of the tensor afterwards, in place, is the family's affair.</summary>
    private nint Copy(Tensor x)
    {
        long bytes = x.numel() * sizeof(ushort);
        nint piece = memory.Take(bytes);
        _pieces.Add((piece, bytes));
        using var rows = x.contiguous();
        RowLoops.ToBFloat16(rows, (ushort*)piece);
        return piece;
    }
}

/// <summary>A product x W^T that is known, in bfloat16.</summary>
/// <param name="Input">(rows, inputs).</param>
/// <param name="Output">(rows, outputs).</param>
internal readonly record struct KnownProduct(nint Input, nint Output, int Rows);

/// <summary>What the products of a model do beside their work. All of them look at one such object.</summary>
internal sealed class References
{
    private (Tensor Given, RoundedDifference Rounded)? _last; // queries, keys and values have one input

    /// <summary>Products are remembered here.</summary>
    public ReferencePass? Written { get; set; }

    /// <summary>Products are computed against those remembered here.</summary>
    public ReferencePass? Read { get; set; }

    /// <summary>An input's difference from that of a known product. It belongs to this object, until the next one.</summary>
    public RoundedDifference Difference(Tensor input, KnownProduct known)
    {
        if (_last is { } last && ReferenceEquals(last.Given, input) && last.Rounded.Reference == known.Input) return last.Rounded;
        _last?.Rounded.Dispose();
        _last = (input, new RoundedDifference(input, known));
        return _last.Value.Rounded;
    }

    /// <summary>The pass is over.</summary>
    public void Clear()
    {
        (Written, Read) = (null, null);
        _last?.Rounded.Dispose();
        _last = null;
    }
}
