namespace Sleb.Onnx.Pieces;

/// <summary>The checkpoint's pieces in another implementation: what a folder too large to be loaded is checked against. Row-major float32.</summary>
internal interface IModelPieces
{
    /// <summary>The first block's input of token ids: <c>[tokens, hidden]</c>.</summary>
    float[] Embed(int[] ids);

    /// <summary>The output of the block of this original index.</summary>
    float[] Block(int block, float[] hidden);

    /// <summary>The logits behind the last block: <c>[tokens, V]</c>.</summary>
    float[] Logits(float[] hidden);

    /// <summary>Gives back all weights: nothing more is asked for.</summary>
    void Release();
}
