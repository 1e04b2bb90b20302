using Sleb.Core.Checkpoints;

namespace Sleb.Onnx.Emit;

/// <summary>Neighbouring rows of a tensor: a part of a packed projection, or a table without its first rows.</summary>
internal readonly record struct TensorRows(TensorEntry Tensor, long First, long Count)
{
    public long RowElements => Tensor.Elements / Tensor.Shape[0];

    public static implicit operator TensorRows(TensorEntry tensor) => new(tensor, 0, tensor.Shape[0]);
}
