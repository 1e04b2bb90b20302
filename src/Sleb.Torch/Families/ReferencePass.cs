namespace Sleb.Torch.Families;

/// <summary>The products of one pass through a block or the head: what a pass that differs little from it is computed against.</summary>
/// <remarks>In bfloat16: what the rounding adds is the same for all that are compared, and reading them is what they cost.</remarks>
internal sealed class ReferencePass : IDisposable
{
    private readonly Dictionary<(WeightProducts, VocabularySlice?), (Tensor Input, Tensor Output)> _products = [];
    private (Tensor Given, Tensor Copy)? _last; // queries, keys and values have one input

    public void Add(WeightProducts products, VocabularySlice? slice, Tensor input, Tensor output)
    {
        if (!ReferenceEquals(_last?.Given, input)) _last = (input, Copy(input));
        if (_products.Remove((products, slice), out var before)) before.Output.Dispose();
        _products.Add((products, slice), (_last!.Value.Copy, Copy(output)));

        // Of its own: what becomes of either afterwards, in place, is the family's affair.
        static Tensor Copy(Tensor x)
        {
            using var contiguous = x.contiguous();
            return contiguous.to(bfloat16, copy: true).DetachFromDisposeScope();
        }
    }

    public long Bytes => _products.Values.Select(product => product.Output).Concat(_products.Values.Select(product => product.Input).Distinct(ReferenceEqualityComparer.Instance).Cast<Tensor>())
        .Sum(tensor => tensor.numel() * tensor.element_size());

    /// <summary>Null where that pass had no such product, or the input is not one or more of as many rows.</summary>
    public (Tensor Input, Tensor Output)? Find(WeightProducts products, VocabularySlice? slice, Tensor input) =>
        _products.TryGetValue((products, slice), out var known) && input.numel() % known.Input.numel() == 0 ? known : null;

    public void Dispose()
    {
        foreach (var (input, output) in _products.Values)
        {
            input.Dispose();
            output.Dispose();
        }
        _products.Clear();
        _last = null;
    }
}

/// <summary>What the products of a model do beside their work. All of them look at one such object.</summary>
internal sealed class References
{
    /// <summary>Products are remembered here.</summary>
    public ReferencePass? Written { get; set; }

    /// <summary>Products are computed against those remembered here.</summary>
    public ReferencePass? Read { get; set; }
}
