using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests;

/// <summary>A conformance checkpoint with its expected values: two rows of 24 ids, logits per removed set, losses and greedy ids.</summary>
internal sealed class ConformanceFolder
{
    private readonly Dictionary<string, (long[] Shape, byte[] Data)> _tensors;

    public ConformanceFolder(string folder)
    {
        Path = folder;
        Expected = (JsonObject)JsonNode.Parse(File.ReadAllBytes(System.IO.Path.Combine(folder, "expected.json")))!;
        _tensors = ReadTensors(System.IO.Path.Combine(folder, "expected.safetensors"));
        long[] ids = MemoryMarshal.Cast<byte, long>(_tensors["input_ids"].Data).ToArray();
        int length = (int)_tensors["input_ids"].Shape[1];
        Rows = [.. ids.Chunk(length).Select(row => Array.ConvertAll(row, id => (int)id))];
    }

    /// <summary>The Llama folders that every clone holds, and the other families' beside it; one name stands for those where they are missing.</summary>
    public static IReadOnlyList<string> All
    {
        get
        {
            string local = TestFiles.Data("conformance"), beside = System.IO.Path.Combine(TestFiles.Root, "..", "shared", "reference", "conformance");
            var names = Folders(local).Union(Directory.Exists(beside) ? Folders(beside) : ["the other families"]);
            return [.. names.Order(StringComparer.Ordinal)];

            static IEnumerable<string> Folders(string parent) => Directory.GetDirectories(parent).Select(folder => System.IO.Path.GetFileName(folder)!);
        }
    }

    public static TheoryData<string> Names => [.. All];

    public string Path { get; }

    public JsonObject Expected { get; }

    public int[][] Rows { get; }

    public int[] GreedyPrompt => Ints(Expected["greedy"]!["prompt"]!);

    /// <summary>The removed sets that have logits; the empty one is the dense model.</summary>
    public IEnumerable<int[]> RemovedSets => _tensors.Keys.Where(name => name.StartsWith("logits.", StringComparison.Ordinal)).Order().Select(name =>
        name == "logits.dense" ? [] : Array.ConvertAll(name["logits.without.".Length..].Split('_'), int.Parse));

    public static ConformanceFolder Open(string name) => new(Find(name));

    /// <summary>The folder of this clone, else of the references beside it; the test is skipped with a sentence where both lack it.</summary>
    public static string Find(string name) =>
        Directory.Exists(TestFiles.Data("conformance", name)) ? TestFiles.Data("conformance", name) : TestFiles.Shared("reference", "conformance", name);

    public float[] Logits(int[] removed, int row)
    {
        var logits = MemoryMarshal.Cast<byte, float>(_tensors["logits." + Label(removed)].Data);
        int size = logits.Length / Rows.Length;
        return logits.Slice(row * size, size).ToArray();
    }

    /// <summary>The recorded mean loss, where there is one.</summary>
    public double? MeanNll(int[] removed) => removed.Length switch
    {
        0 => Expected["mean_nll_dense"]!.GetValue<double>(),
        1 => Expected["mean_nll_without"]![removed[0]]!.GetValue<double>(),
        _ => null,
    };

    public int[]? Greedy(int[] removed) => Expected["greedy"]![Label(removed)] is { } ids ? Ints(ids) : null;

    public int Blocks => Expected["n_blocks"]!.GetValue<int>();

    /// <summary>The dense model and each single block removed, with the recorded mean loss.</summary>
    public IEnumerable<(int[] Removed, double MeanNll)> Losses =>
        Enumerable.Range(0, Blocks).Select(block => (int[])[block]).Prepend([]).Select(removed => (removed, MeanNll(removed)!.Value));

    /// <summary>The removed sets that have greedy ids, and the 24 ids that continue <see cref="GreedyPrompt"/>.</summary>
    public IEnumerable<(int[] Removed, int[] Ids)> GreedyRuns =>
        RemovedSets.Where(removed => Greedy(removed) is not null).Select(removed => (removed, Greedy(removed)!));

    public int[] Survivors(int[] removed) => [.. Enumerable.Range(0, Blocks).Except(removed)];

    public static string Label(int[] removed) => removed.Length == 0 ? "dense" : "without." + string.Join('_', removed);

    public Checkpoint Checkpoint() => Core.Checkpoints.Checkpoint.Open(Path);

    /// <summary>A safetensors file of any element type, trusted.</summary>
    public static Dictionary<string, (long[] Shape, byte[] Data)> ReadTensors(string path)
    {
        var tensors = new Dictionary<string, (long[] Shape, byte[] Data)>();
        byte[] file = File.ReadAllBytes(path);
        int header = (int)BitConverter.ToUInt64(file);
        foreach (var (name, value) in (JsonObject)JsonNode.Parse(file.AsSpan(8, header))!)
        {
            if (name == "__metadata__") continue;
            int[] offsets = Ints(value!["data_offsets"]!);
            long[] shape = [.. value["shape"]!.AsArray().Select(dimension => dimension!.GetValue<long>())];
            tensors[name] = (shape, file[(8 + header + offsets[0])..(8 + header + offsets[1])]);
        }
        return tensors;
    }

    public static int[] Ints(JsonNode node) => [.. node.AsArray().Select(id => id!.GetValue<int>())];
}
