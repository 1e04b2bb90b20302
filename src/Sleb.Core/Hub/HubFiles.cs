using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Core.Hub;

/// <summary>The files of a repository that a causal language model needs: never code, and no weights twice.</summary>
internal static class HubFiles
{
    /// <summary>Any of them makes a tokenizer, alone or with others.</summary>
    public static readonly string[] Tokenizers = ["tokenizer.json", "tokenizer.model", "vocab.json"];

    /// <summary>Everything but the shards, in the order of the download: a folder that has its weights has the rest too.</summary>
    /// <exception cref="CheckpointException">The repository holds no model that could be read.</exception>
    public static IReadOnlyList<string> Select(HubId id, IReadOnlyList<string> files)
    {
        if (!files.Contains(ModelConfig.FileName))
            throw new CheckpointException($"The repository {id} holds no {ModelConfig.FileName}, so it is no model that can be read; give the id of a model with safetensors weights.");
        string weights = files.Contains(WeightFiles.SingleFile) ? WeightFiles.SingleFile
            : files.Contains(WeightFiles.IndexFile) ? WeightFiles.IndexFile
            : throw new CheckpointException($"The repository {id} holds neither {WeightFiles.SingleFile} nor {WeightFiles.IndexFile}; only safetensors weights are read, so give the id of a conversion that has them.");
        return [ModelConfig.FileName, .. files.Where(ModelFolder.IsCompanion).Order(StringComparer.Ordinal), weights];
    }

    /// <summary>The shards that a downloaded index names, each of which the repository must hold.</summary>
    public static IReadOnlyList<string> Shards(HubId id, string index, IReadOnlyList<string> files)
    {
        var shards = WeightFiles.ReadShards(index);
        if (shards.FirstOrDefault(shard => !files.Contains(shard)) is { } missing)
            throw new CheckpointException($"The repository {id} lacks the shard {Excerpt.Of(missing)} that its {WeightFiles.IndexFile} names; it is incomplete, give another revision.");
        return shards;
    }
}
