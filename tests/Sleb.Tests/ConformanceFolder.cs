using System.Text.Json;

namespace Sleb.Tests;

/// <summary>One folder of the conformance checkpoints: a tiny random model and what the reference implementation computes with it.</summary>
internal sealed class ConformanceFolder
{
    private readonly ExpectedTensors _expected;

    public ConformanceFolder(string name)
    {
        Folder = TestFiles.Data("conformance", name);
        _expected = new ExpectedTensors(Path.Combine(Folder, "expected.safetensors"));
        Json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "expected.json"))).RootElement;
        long[] ids = _expected.Longs("input_ids");
        Rows = [.. ids.Select(id => (int)id).Chunk(24)];
    }

    public static TheoryData<string> Names { get; } =
        [.. Directory.GetDirectories(TestFiles.Data("conformance")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    public string Folder { get; }

    public JsonElement Json { get; }

    public int Blocks => Json.GetProperty("n_blocks").GetInt32();

    /// <summary>The two rows of 24 ids.</summary>
    public IReadOnlyList<int[]> Rows { get; }

    /// <summary>Removed blocks, and the expected logits of all rows one after the other.</summary>
    public IEnumerable<(int[] Removed, float[] Logits)> LogitSets => _expected.Names.Where(name => name.StartsWith("logits.", StringComparison.Ordinal))
        .Select(name => (Removed(name["logits.".Length..]), _expected.Floats(name)));

    /// <summary>Removed blocks (none, or one) and the expected mean loss over both rows.</summary>
    public IEnumerable<(int[] Removed, double MeanNll)> Losses => Json.GetProperty("mean_nll_without").EnumerateArray()
        .Select((loss, block) => (new[] { block }, loss.GetDouble())).Prepend(([], Json.GetProperty("mean_nll_dense").GetDouble()));

    public int[] Prompt => Ids(Json.GetProperty("greedy").GetProperty("prompt"));

    /// <summary>Removed blocks and the 24 ids that continue the prompt.</summary>
    public IEnumerable<(int[] Removed, int[] Ids)> Greedy => Json.GetProperty("greedy").EnumerateObject().Where(property => property.Name != "prompt")
        .Select(property => (Removed(property.Name), Ids(property.Value)));

    public int[] Survivors(int[] removed) => [.. Enumerable.Range(0, Blocks).Except(removed)];

    private static int[] Removed(string name) => name == "dense" ? [] : [.. name["without.".Length..].Split('_').Select(int.Parse)];

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
