using Sleb.Torch.Natives;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>
/// Products with a module's weight, which is packed for inputs of the numbers of rows that come again and again, and rounded to eight
/// bits where products are computed against those of another pass.
/// </summary>
/// <remarks>It is given the weight each time: a module's parameters are others once the module was moved to another type.</remarks>
internal sealed class WeightProducts : IDisposable
{
    private readonly Dictionary<(int Rows, VocabularySlice? Slice), PackedMatrix?> _packed = [];
    private readonly Dictionary<ValueTuple<VocabularySlice?>, Int8Matrix?> _rounded = [];

    /// <summary>Numbers of rows to pack for, at the first input that has one of them.</summary>
    public IReadOnlyCollection<int> PackedRows { get; set; } = [];

    /// <summary>The model's; null where no pass is ever a reference.</summary>
    public References? References { get; set; }

    /// <summary>x W^T + b, in W's type, for some of W's rows.</summary>
    public Tensor Multiply(Tensor input, Tensor weight, Tensor? bias = null, VocabularySlice? slice = null)
    {
        if (References?.Read?.Find(this, slice, input) is { } known && Rounded(weight, slice) is { } rounded)
            return rounded.Multiply(References.Difference(input, known), known.Output, rows => Plain(rows, weight, bias, slice)); // the bias is in what is known
        var product = Plain(input, weight, bias, slice);
        if (References?.Written is { } pass)
        {
            pass.Add(this, slice, input, product);
            Rounded(weight, slice); // for those who read the pass
        }
        return product;
    }

    public void Dispose()
    {
        foreach (var packed in _packed.Values) packed?.Dispose();
        foreach (var rounded in _rounded.Values) rounded?.Dispose();
        _packed.Clear();
        _rounded.Clear();
    }

    private Tensor Plain(Tensor input, Tensor weight, Tensor? bias, VocabularySlice? slice)
    {
        if (PackedRows.Count > 0 && Packed((int)(input.numel() / input.shape[^1]), weight, slice) is { } packed)
        {
            var product = packed.Multiply(input);
            return bias is null ? product : product.PlusInPlace(slice.Of(bias));
        }
        return F.linear(input.to(weight.dtype), slice.Of(weight), bias is null ? null : slice.Of(bias));
    }

    private PackedMatrix? Packed(int rows, Tensor weight, VocabularySlice? slice)
    {
        if (!PackedRows.Contains(rows) || slice is { IsList: true }) return null;
        if (!_packed.TryGetValue((rows, slice), out var packed)) _packed.Add((rows, slice), packed = PackedMatrix.Create(slice.Of(weight), rows));
        return packed;
    }

    private Int8Matrix? Rounded(Tensor weight, VocabularySlice? slice)
    {
        if (!_rounded.TryGetValue(new(slice), out var rounded)) _rounded.Add(new(slice), rounded = Int8Matrix.Create(slice.Of(weight)));
        return rounded;
    }
}
