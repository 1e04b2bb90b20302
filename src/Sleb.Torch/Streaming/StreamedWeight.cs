using Sleb.Core.Checkpoints;
using TorchSharp.Modules;

namespace Sleb.Torch.Streaming;

/// <summary>A parameter that has no values of its own, and where they lie in the checkpoint.</summary>
internal readonly record struct StreamedWeight(Parameter Parameter, TensorEntry Entry)
{
    /// <summary>All rows, into <paramref name="buffer"/>.</summary>
    public void Load(WeightBuffer buffer) => buffer.Lend(this, 0, Entry.Shape[0]);
}
