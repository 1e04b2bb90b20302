using Sleb.Torch.Natives;
using TorchSharp.Modules;
using F = TorchSharp.torch.nn.functional;

namespace Sleb.Torch.Families;

/// <summary>Products with a module's weight, which is packed for inputs of the numbers of rows that come again and again.</summary>
/// <remarks>It is given the weight each time: a module's parameters are others once the module was moved to another type.</remarks>
internal sealed class WeightProducts : IDisposable
{
    private readonly Dictionary<(int Rows, VocabularySlice? Slice), PackedMatrix?> _packed = [];

    /// <summary>Numbers of rows to pack for, at the first input that has one of them.</summary>
    public IReadOnlyCollection<int> PackedRows { get; set; } = [];

    /// <summary>x W^T + b, in W's type, for some of W's rows.</summary>
    public Tensor Multiply(Tensor input, Parameter weight, Parameter? bias = null, VocabularySlice? slice = null)
    {
        if (PackedRows.Count > 0 && Find((int)(input.numel() / input.shape[^1]), weight, slice) is { } packed)
        {
            var product = packed.Multiply(input);
            return bias is null ? product : product.PlusInPlace(slice.Of(bias));
        }
        return F.linear(input.to(weight.dtype), slice.Of(weight), bias is null ? null : slice.Of(bias));
    }

    public void Dispose()
    {
        foreach (var packed in _packed.Values) packed?.Dispose();
        _packed.Clear();
    }

    private PackedMatrix? Find(int rows, Parameter weight, VocabularySlice? slice)
    {
        if (!PackedRows.Contains(rows)) return null;
        if (!_packed.TryGetValue((rows, slice), out var packed)) _packed.Add((rows, slice), packed = PackedMatrix.Create(slice.Of(weight), rows));
        return packed;
    }
}
