using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Is the written folder the model without those blocks, and an ordinary Hugging Face folder?</summary>
public sealed class PrunedCheckpointTests
{
    private static readonly int[][] Removals = [[], [0], [4], [3, 1], [4, 0, 2, 1]];

    public static MatrixTheoryData<string, int> Cases => new(
        ConformanceFolder.All, [.. Enumerable.Range(0, Removals.Length)]);

    /// <summary>Keys of config.json that depend on a block's index; that they are right is for the logits to show (TorchConformanceTests).</summary>
    private static readonly string[] ByIndex = ["layer_types", "no_rope_layers", "mlp_only_layers", "max_window_layers"];

    private static CancellationToken None => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Survivors_are_renumbered_and_their_bytes_untouched(string model, int removal)
    {
        int[] removed = Removals[removal];
        string source = ConformanceFolder.Find(model);
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(source);
        var result = PrunedCheckpoint.Write(dense, removed, folder["out"], overwrite: false, cancellationToken: None);

        using var pruned = Checkpoint.Open(folder["out"]);
        string prefix = pruned.RequireFamily().BlockPrefix;
        int blocks = dense.Config.NumHiddenLayers;
        int[] survivors = [.. Enumerable.Range(0, blocks).Except(removed)];
        var expected = new Dictionary<string, TensorEntry>();
        foreach (var entry in dense.Tensors.Values)
        {
            if (!entry.Name.StartsWith(prefix, StringComparison.Ordinal))
            {
                expected.Add(entry.Name, entry);
                continue;
            }
            string[] parts = entry.Name[prefix.Length..].Split('.', 2);
            if (Array.IndexOf(survivors, int.Parse(parts[0], CultureInfo.InvariantCulture)) is >= 0 and var index)
                expected.Add($"{prefix}{index}.{parts[1]}", entry);
        }
        Assert.Equal(expected.Keys.Order(), pruned.Tensors.Keys.Order());
        foreach (var (name, entry) in expected)
        {
            Assert.Equal((entry.Type, TensorEntry.Format(entry.Shape)), (pruned.Tensors[name].Type, TensorEntry.Format(pruned.Tensors[name].Shape)));
            Assert.Equal(TinyModel.Bytes(dense, entry.Name), TinyModel.Bytes(pruned, name));
        }

        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        config[dense.Config.Key("num_hidden_layers")] = survivors.Length;
        var written = JsonNode.Parse(File.ReadAllText(folder["out", "config.json"]))!.AsObject();
        Assert.Empty(config.Select(pair => pair.Key).Except(written.Select(pair => pair.Key)));
        foreach (string key in ByIndex)
        {
            config.Remove(key);
            written.Remove(key);
        }
        Assert.True(JsonNode.DeepEquals(config, written), written.ToJsonString());
        Assert.Equal(config.Select(pair => pair.Key), written.Select(pair => pair.Key));
        Assert.Equal(File.ReadAllBytes(Path.Combine(source, "generation_config.json")), File.ReadAllBytes(folder["out", "generation_config.json"]));
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors", "sleb.json"], Directory.GetFiles(folder["out"]).Select(path => Path.GetFileName(path)).Order());
        Assert.Equal([folder["out"]], Directory.GetFileSystemEntries(folder.Path));

        Assert.Equal((folder["out"], false), (result.Folder, result.AlreadyThere));
        Assert.Equal(Directory.GetFiles(folder["out"]).Sum(path => new FileInfo(path).Length), result.Bytes);
        var provenance = Provenance.Read(folder["out"])!;
        Assert.True(provenance.SameModel(result.Provenance));
        Assert.Equal(("hf", null, model == "llama-sharded-bf16" ? "bf16" : "fp32", dense.Fingerprint, dense.Config.ModelType, blocks),
            (provenance.Artifact, provenance.Target, provenance.Precision, provenance.BaseFingerprint, provenance.Family, provenance.Blocks));
        Assert.Equal(removed, provenance.RemovedBlocks);
        Assert.Equal(survivors, provenance.Survivors);
    }

    [Fact]
    public void The_dense_copy_of_what_save_pretrained_wrote_is_the_same_model_to_the_byte()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TestFiles.Data("conformance", "llama"));
        PrunedCheckpoint.Write(dense, [], folder["out"], overwrite: false, cancellationToken: None);
        foreach (string name in new[] { "model.safetensors", "config.json", "generation_config.json" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(dense.Folder, name)), File.ReadAllBytes(folder["out", name]));
        using var copy = Checkpoint.Open(folder["out"]);
        Assert.Equal(dense.Fingerprint, copy.Fingerprint);
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(25_472)] // exactly the embedding
    [InlineData(1)] // every tensor is too large and stands alone
    public void Weights_above_the_limit_are_sharded_with_an_index(long maxShardBytes)
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TestFiles.Data("conformance", "llama-sharded-bf16"));
        PrunedCheckpoint.Write(dense, [2], folder["single"], overwrite: false, cancellationToken: None);
        PrunedCheckpoint.Write(dense, [2], folder["sharded"], overwrite: false, new HfExportOptions { MaxShardBytes = maxShardBytes }, None);
        using var single = Checkpoint.Open(folder["single"]);
        using var sharded = Checkpoint.Open(folder["sharded"]);

        Assert.Single(single.Files);
        Assert.Equal(single.Tensors.Keys.Order(), sharded.Tensors.Keys.Order());
        Assert.All(single.Tensors.Keys, name => Assert.Equal(TinyModel.Bytes(single, name), TinyModel.Bytes(sharded, name)));
        int count = sharded.Files.Count;
        Assert.True(count > 1);
        Assert.Equal(Enumerable.Range(1, count).Select(i => $"model-{i:D5}-of-{count:D5}.safetensors"), sharded.Files.Select(file => Path.GetFileName(file)));
        foreach (var shard in sharded.Tensors.Values.GroupBy(entry => entry.File))
            Assert.True(shard.Count() == 1 || shard.Sum(entry => entry.Bytes) <= maxShardBytes);
        using var index = JsonDocument.Parse(File.ReadAllText(folder["sharded", "model.safetensors.index.json"]));
        Assert.Equal(single.Bytes, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(single.Parameters, index.RootElement.GetProperty("metadata").GetProperty("total_parameters").GetInt64());
        Assert.Equal(sharded.Tensors.ToDictionary(pair => pair.Key, pair => Path.GetFileName(pair.Value.File)),
            index.RootElement.GetProperty("weight_map").EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetString()!));
    }

    [Fact]
    public void More_than_ten_blocks_are_numbered_by_value_and_not_by_spelling()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"], blocks: 23));
        PrunedCheckpoint.Write(dense, [2, 21, 10], folder["out"], overwrite: false, new HfExportOptions { MaxShardBytes = 200 }, None);
        using var pruned = Checkpoint.Open(folder["out"]);
        pruned.RequireFamily();
        int[] survivors = [.. Enumerable.Range(0, 23).Except([2, 10, 21])];
        for (int i = 0; i < survivors.Length; i++)
            Assert.Equal(TinyModel.Bytes(dense, $"model.layers.{survivors[i]}.mlp.up_proj.weight"), TinyModel.Bytes(pruned, $"model.layers.{i}.mlp.up_proj.weight"));
        string[] inFileOrder = [.. pruned.Tensors.Values.OrderBy(entry => entry.File, StringComparer.Ordinal)
            .Select(entry => entry.Name).Where(name => name.Contains("up_proj", StringComparison.Ordinal))];
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"model.layers.{i}.mlp.up_proj.weight"), inFileOrder);
    }

    [Fact]
    public void The_same_model_gives_the_same_bytes_in_every_file()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TestFiles.Data("conformance", "llama-sharded-bf16"));
        var options = new HfExportOptions { MaxShardBytes = 100_000 };
        PrunedCheckpoint.Write(dense, [3, 0], folder["one"], overwrite: false, options, None);
        PrunedCheckpoint.Write(dense, [3, 0], folder["two"], overwrite: false, options, None);
        string[] names = [.. Directory.GetFiles(folder["one"]).Select(path => Path.GetFileName(path)).Order()];
        Assert.Equal(names, Directory.GetFiles(folder["two"]).Select(path => Path.GetFileName(path)).Order());
        Assert.All(names, name => Assert.Equal(File.ReadAllBytes(folder["one", name]), File.ReadAllBytes(folder["two", name])));
    }

    [Fact]
    public void Pruning_twice_is_pruning_once()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["dense"], blocks: 6, TensorType.F16));
        PrunedCheckpoint.Write(dense, [1], folder["first"], overwrite: false, cancellationToken: None);
        using var first = Checkpoint.Open(folder["first"]);
        PrunedCheckpoint.Write(first, [3], folder["second"], overwrite: false, cancellationToken: None); // block 4 of the dense model
        PrunedCheckpoint.Write(dense, [1, 4], folder["once"], overwrite: false, cancellationToken: None);
        Assert.Equal(File.ReadAllBytes(folder["once", "model.safetensors"]), File.ReadAllBytes(folder["second", "model.safetensors"]));
        Assert.Equal(File.ReadAllBytes(folder["once", "config.json"]), File.ReadAllBytes(folder["second", "config.json"]));
        Assert.Equal((first.Fingerprint, 5), (Provenance.Read(folder["second"])!.BaseFingerprint, Provenance.Read(folder["second"])!.Blocks));
    }

    [Fact]
    public void Tokenizer_and_licence_come_along_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder["in"]);
        string[] wanted =
        [
            "LICENSE", "LICENSE.txt", "NOTICE", "added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json", "merges.txt",
            "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
        ];
        string[] unwanted = ["README.md", "modeling_custom.py", "pytorch_model.bin", "model.safetensors.index.json", "calibration.txt", ".gitattributes"];
        foreach (string name in wanted.Concat(unwanted)) File.WriteAllText(folder["in", name], name.EndsWith("config.json", StringComparison.Ordinal) ? "{\"x\": 1}" : "text of " + name);
        File.SetAttributes(folder["in", "tokenizer.json"], FileAttributes.ReadOnly); // as download caches have them
        using var dense = Checkpoint.Open(folder["in"]);
        PrunedCheckpoint.Write(dense, [0], folder["out"], overwrite: false, cancellationToken: None);
        Assert.Equal(wanted.Concat(["config.json", "model.safetensors", "sleb.json"]).Order(StringComparer.Ordinal),
            Directory.GetFiles(folder["out"]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        Assert.All(wanted, name => Assert.Equal(File.ReadAllBytes(folder["in", name]), File.ReadAllBytes(folder["out", name])));
        Assert.False(File.GetAttributes(folder["out", "tokenizer.json"]).HasFlag(FileAttributes.ReadOnly));
        File.SetAttributes(folder["in", "tokenizer.json"], FileAttributes.Normal);
    }

    [Fact]
    public void Unknown_keys_stay_and_per_block_arrays_are_cut()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"], blocks: 4,
            extraConfig: """ "x_unknown": {"deep": [1, {"y": null}]}, "layer_types": ["a", "b", "c", "d"], "rms_norm_eps": 1e-05, """));
        PrunedCheckpoint.Write(dense, [2], folder["out"], overwrite: false, cancellationToken: None);
        var config = JsonNode.Parse(File.ReadAllText(folder["out", "config.json"]))!;
        Assert.Equal("""{"deep":[1,{"y":null}]}""", config["x_unknown"]!.ToJsonString());
        Assert.Equal("""["a","b","d"]""", config["layer_types"]!.ToJsonString());
        Assert.Contains("1e-05", File.ReadAllText(folder["out", "config.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Measured_figures_stand_in_the_sidecar()
    {
        using var folder = new TemporaryFolder();
        using var dense = Checkpoint.Open(TinyModel.Write(folder["in"]));
        PrunedCheckpoint.Write(dense, [1], folder["out"], overwrite: false,
            new HfExportOptions { CalibrationFingerprint = "abc", DensePerplexity = 12.5, PrunedPerplexity = 14.25 }, None);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["out", "sleb.json"]));
        Assert.Equal(("abc", 12.5, 14.25), (json.RootElement.GetProperty("calibrationFingerprint").GetString(),
            json.RootElement.GetProperty("densePerplexity").GetDouble(), json.RootElement.GetProperty("prunedPerplexity").GetDouble()));
    }

    [Fact]
    public void A_large_model_passes_through_a_few_megabytes_of_memory()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], TinyModel.Config);
        SafetensorsWriter.Write(folder["model.safetensors"],
            [new("model.embed_tokens.weight", TensorType.F32, [1024, 16384]), new("model.layers.0.a.weight", TensorType.BF16, [1])],
            (_, _, bytes) => bytes.Clear(), None);
        using var dense = Checkpoint.Open(folder.Path);
        using var target = new TemporaryFolder();
        var progress = new Watch(_ => { });
        long before = GC.GetAllocatedBytesForCurrentThread();
        PrunedCheckpoint.Write(dense, [], target["out"], overwrite: false, new HfExportOptions { Progress = progress }, None);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 12 << 20); // of 64 MB
        Assert.Equal((2 * dense.Bytes, 2 * dense.Bytes), progress.Last);
    }
}
