namespace Sleb.Onnx.Emit;

/// <summary>Heads of an attention, and how many columns their projections have.</summary>
internal readonly record struct AttentionShape(int Heads, int KeyValueHeads, int HeadDim)
{
    public int Queries => Heads * HeadDim;

    public int Keys => KeyValueHeads * HeadDim;
}
