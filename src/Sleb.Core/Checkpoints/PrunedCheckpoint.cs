using System.Buffers;
using System.Text.Json.Nodes;
using Sleb.Core.Artifacts;
using Sleb.Core.Families;
using Sleb.Core.Plan;

namespace Sleb.Core.Checkpoints;

/// <summary>Writes a model without some of its blocks as an ordinary Hugging Face folder.</summary>
/// <remarks>
/// Survivors are renumbered, their bytes stay as they are. The folder is written under a temporary name, read back and compared with
/// the source byte by byte, and only then moved into place.
/// </remarks>
internal static class PrunedCheckpoint
{
    public const string Artifact = "hf";

    private const int BufferBytes = 1 << 20;

    /// <param name="removedBlocks">Original indices in the order of removal; empty writes the dense model.</param>
    /// <exception cref="ArgumentException"><paramref name="removedBlocks"/> does not fit the model.</exception>
    /// <exception cref="CheckpointException">The model is damaged or unsupported.</exception>
    /// <exception cref="IOException">The target is not empty and not this model, or cannot be written.</exception>
    public static HfExportResult Write(Checkpoint checkpoint, IReadOnlyList<int> removedBlocks, string outFolder, bool overwrite,
        HfExportOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new HfExportOptions();
        var family = checkpoint.RequireFamily();
        var survivors = Survivors.After(checkpoint.Config.NumHiddenLayers, removedBlocks);
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(outFolder));
        ModelFolder.RefuseToReplace(checkpoint.Folder, target);
        var sources = Rename(checkpoint, family, survivors);
        Provenance Describe() => new()
        {
            Artifact = Artifact,
            Precision = Precision(sources.Values),
            BaseFingerprint = checkpoint.ReadFingerprint(cancellationToken),
            Family = family.ModelType,
            Blocks = checkpoint.Config.NumHiddenLayers,
            RemovedBlocks = [.. removedBlocks],
            Survivors = survivors,
            CalibrationFingerprint = options.CalibrationFingerprint,
            DensePerplexity = options.DensePerplexity,
            PrunedPerplexity = options.PrunedPerplexity,
        };

        if (Existing(target, overwrite) is { } existing && existing.SameModel(Describe()) && HoldsAll(target, sources))
            return new HfExportResult(target, ModelFolder.Bytes(target), existing, AlreadyThere: true);

        using var staged = StagedFolder.Create(target, overwrite);
        WriteWeights(checkpoint, sources, staged.Path, options, cancellationToken);
        WriteConfig(checkpoint, survivors, staged.Path);
        ModelFolder.CopyCompanions(checkpoint.Folder, staged.Path);
        var provenance = Describe();
        provenance.Write(staged.Path, options.Card);
        Verify(checkpoint, sources, staged.Path, options, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        staged.Commit();
        return new HfExportResult(target, ModelFolder.Bytes(target), provenance, AlreadyThere: false);
    }

    /// <summary>The tensors to write, by their new names.</summary>
    private static Dictionary<string, TensorEntry> Rename(Checkpoint checkpoint, Family family, IReadOnlyList<int> survivors)
    {
        var renumbered = survivors.Select((block, i) => (block, i)).ToDictionary(pair => pair.block, pair => pair.i);
        var sources = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        foreach (var entry in checkpoint.Tensors.Values)
        {
            if (BlockName.Index(entry.Name, family.BlockPrefix) is not { } block) sources.Add(entry.Name, entry);
            else if (renumbered.TryGetValue(block, out int index)) sources.Add(BlockName.Renumber(entry.Name, family.BlockPrefix, index), entry);
        }
        return sources;
    }

    private static void WriteWeights(Checkpoint checkpoint, Dictionary<string, TensorEntry> sources, string folder,
        HfExportOptions options, CancellationToken cancellationToken)
    {
        string prefix = checkpoint.RequireFamily().BlockPrefix;
        var tensors = sources.Select(pair => new SafetensorsWriter.Tensor(pair.Key, pair.Value.Type, pair.Value.Shape))
            .OrderBy(tensor => BlockName.Index(tensor.Name, prefix) ?? -1).ThenBy(tensor => tensor.Name, StringComparer.Ordinal);
        var shards = ShardPlan.Create(tensors, options.MaxShardBytes);
        long done = 0, total = 2 * sources.Values.Sum(entry => entry.Bytes);
        foreach (var (file, shard) in shards)
            SafetensorsWriter.Write(Path.Combine(folder, file), shard, (tensor, from, destination) =>
            {
                checkpoint.ReadBytes(sources[tensor.Name], from, destination);
                options.Progress?.Report((done += destination.Length, total));
            }, cancellationToken);
        if (shards.Count == 1) return;

        var map = shards.SelectMany(shard => shard.Tensors.Select(tensor => (tensor.Name, shard.File))).OrderBy(pair => pair.Name, StringComparer.Ordinal);
        ModelFolder.WriteJson(Path.Combine(folder, WeightFiles.IndexFile), new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["total_parameters"] = sources.Values.Sum(entry => entry.Elements),
                ["total_size"] = sources.Values.Sum(entry => entry.Bytes),
            },
            ["weight_map"] = new JsonObject(map.Select(pair => KeyValuePair.Create(pair.Name, (JsonNode?)pair.File))),
        });
    }

    private static void WriteConfig(Checkpoint checkpoint, IReadOnlyList<int> survivors, string folder)
    {
        if (survivors.Count == checkpoint.Config.NumHiddenLayers)
            ModelFolder.Copy(Path.Combine(checkpoint.Folder, ModelConfig.FileName), folder);
        else
            ModelFolder.WriteJson(Path.Combine(folder, ModelConfig.FileName), PrunedConfig.Cut(checkpoint.Config, survivors));
    }

    private static void Verify(Checkpoint checkpoint, Dictionary<string, TensorEntry> sources, string folder,
        HfExportOptions options, CancellationToken cancellationToken)
    {
        using var written = Checkpoint.Open(folder);
        written.RequireFamily();
        if (!SameTensors(written, sources)) throw new CheckpointException($"{folder} does not hold the tensors that were written to it; the disk may be failing.");
        long done = sources.Values.Sum(entry => entry.Bytes), total = 2 * done;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(2 * BufferBytes);
        try
        {
            foreach (var (name, source) in sources)
                for (long from = 0; from < source.Bytes;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    int count = (int)Math.Min(BufferBytes, source.Bytes - from);
                    Span<byte> expected = buffer.AsSpan(0, count), found = buffer.AsSpan(BufferBytes, count);
                    checkpoint.ReadBytes(source, from, expected);
                    written.ReadBytes(written.Tensors[name], from, found);
                    if (!expected.SequenceEqual(found))
                        throw new CheckpointException($"Tensor '{name}' in {folder} does not read back as it was written; the disk may be failing, or {source.File} changed meanwhile.");
                    if (FloatConversion.HasNonFinite(source.Type, found)) throw Checkpoint.NonFinite(source);
                    from += count;
                    options.Progress?.Report((done += count, total));
                }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The sidecar at the target; one that cannot be read counts as none where it may be replaced.</summary>
    private static Provenance? Existing(string target, bool overwrite)
    {
        try
        {
            return Provenance.Read(target);
        }
        catch (CheckpointException) when (overwrite)
        {
            return null;
        }
    }

    /// <summary>A sidecar alone is no model: someone may have deleted or replaced the files beside it.</summary>
    private static bool HoldsAll(string target, Dictionary<string, TensorEntry> sources)
    {
        try
        {
            using var existing = Checkpoint.Open(target);
            existing.RequireFamily();
            return SameTensors(existing, sources);
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    private static bool SameTensors(Checkpoint written, Dictionary<string, TensorEntry> sources) =>
        written.Tensors.Count == sources.Count
        && sources.All(pair => written.Tensors.TryGetValue(pair.Key, out var entry)
            && entry.Type == pair.Value.Type && entry.Shape.AsSpan().SequenceEqual(pair.Value.Shape));

    /// <summary>The element type most of the weights have.</summary>
    private static string Precision(IEnumerable<TensorEntry> tensors) =>
        tensors.GroupBy(entry => entry.Type).MaxBy(group => group.Sum(entry => entry.Bytes))!.Key switch
        {
            TensorType.F32 => "fp32",
            TensorType.F16 => "fp16",
            _ => "bf16",
        };
}
