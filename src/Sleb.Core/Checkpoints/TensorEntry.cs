namespace Sleb.Core.Checkpoints;

/// <summary>The element types a weight may have.</summary>
internal enum TensorType { F32, F16, BF16 }

/// <summary>One tensor of a safetensors file: where its bytes lie and how to read them.</summary>
/// <param name="Name">The checkpoint's name, for example <c>model.layers.3.mlp.up_proj.weight</c>.</param>
/// <param name="Offset">Absolute position in <paramref name="File"/>.</param>
internal sealed record TensorEntry(string Name, TensorType Type, long[] Shape, string File, long Offset, long Bytes)
{
    public long Elements => Bytes / BytesPerElement(Type);

    public static int BytesPerElement(TensorType type) => type == TensorType.F32 ? 4 : 2;

    public static string Format(ReadOnlySpan<long> shape) => "[" + string.Join(", ", shape.ToArray()) + "]";
}
