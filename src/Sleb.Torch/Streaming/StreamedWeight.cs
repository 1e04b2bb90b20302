using Sleb.Core.Checkpoints;
using TorchSharp.Modules;

namespace Sleb.Torch.Streaming;

/// <summary>A parameter that has no values of its own, and where they lie in the checkpoint.</summary>
internal readonly record struct StreamedWeight(Parameter Parameter, TensorEntry Entry)
{
    public long Rows => Entry.Shape[0];

    /// <summary>Floats that so many rows (null: all) take in a buffer.</summary>
    public long Room(long? rows = null) => WeightBuffer.Room(Entry.Elements / Rows * (rows ?? Rows));
}
