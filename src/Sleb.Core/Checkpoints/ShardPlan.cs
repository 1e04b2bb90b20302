using System.Globalization;

namespace Sleb.Core.Checkpoints;

/// <summary>Which tensors go into which file of a written model.</summary>
internal static class ShardPlan
{
    /// <summary>One file while everything fits; else files filled in the given order, a tensor larger than the limit alone in its own.</summary>
    public static IReadOnlyList<(string File, IReadOnlyList<SafetensorsWriter.Tensor> Tensors)> Create(
        IEnumerable<SafetensorsWriter.Tensor> tensors, long maxShardBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxShardBytes);
        var shards = new List<List<SafetensorsWriter.Tensor>>();
        long bytes = 0;
        foreach (var tensor in tensors)
        {
            if (shards.Count == 0 || bytes + tensor.Bytes > maxShardBytes && bytes > 0)
            {
                shards.Add([]);
                bytes = 0;
            }
            shards[^1].Add(tensor);
            bytes += tensor.Bytes;
        }
        if (shards.Count == 1) return [(WeightFiles.SingleFile, shards[0])];
        return [.. shards.Select((shard, i) => (string.Create(CultureInfo.InvariantCulture,
            $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors"), (IReadOnlyList<SafetensorsWriter.Tensor>)shard))];
    }
}
