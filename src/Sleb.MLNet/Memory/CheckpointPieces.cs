using Sleb.Core.Search;
using Sleb.Onnx.Pieces;
using Sleb.Torch.Natives;
using Sleb.Torch.Streaming;
using TorchSharp;

namespace Sleb.MLNet.Memory;

/// <summary>The pieces of a streamed checkpoint, for the check of a folder that was written from it.</summary>
internal sealed class CheckpointPieces(StreamedModel model) : IModelPieces
{
    public float[] Embed(int[] ids) => Values(model.Embed(ids));

    public float[] Block(int block, float[] hidden)
    {
        using var input = State(hidden);
        return Values(model.Block(block, input, Arithmetic.Fp32, next: null));
    }

    public float[] Logits(float[] hidden) => model.Logits(State(hidden), default);

    public void Release()
    {
        model.Dispose();
        ProcessMemory.Trim();
    }

    private torch.Tensor State(float[] hidden) => torch.tensor(hidden, [1, hidden.Length / model.HiddenSize, model.HiddenSize]);

    private static float[] Values(torch.Tensor state)
    {
        using (state) return state.data<float>().ToArray();
    }
}
