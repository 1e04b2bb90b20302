namespace Sleb.Onnx.Emit;

/// <summary>How matrices become integers.</summary>
/// <param name="Bits">4 or 8, of all linear layers.</param>
/// <param name="EmbeddingBits">4 or 8, of embedding and head, which share their integers where they are tied.</param>
/// <param name="ZeroPoints">Each block has a zero of its own; else it is the middle of the range.</param>
/// <param name="ScaleSearch">Each block's scale is the one of least squared error; else the largest weight decides it.</param>
internal sealed record Quantization(int Bits, int EmbeddingBits, bool ZeroPoints, bool ScaleSearch)
{
    /// <summary>Weights that share a scale.</summary>
    public const int BlockSize = 32;
}
