using System.Text.Json.Nodes;

namespace Sleb.Tests.Benchmarks;

/// <summary>The search benchmark as it is called, on the embedded model.</summary>
public class SearchBenchmarkTests
{
    [Fact]
    public void Each_mode_has_a_row_and_the_searches_agree()
    {
        var rows = Measure();
        Assert.Equal(["naive", "exhaustive", "racing"], rows.Select(row => row["mode"]!.GetValue<string>()));
        Assert.All(rows, row => Assert.True(row["seconds"]!.GetValue<double>() > 0 && row["peakBytes"]!.GetValue<long>() > 50_000_000));
        Assert.Equal(1, rows[0]["ratio"]!.GetValue<double>());
        Assert.Equal(rows[0]["seconds"]!.GetValue<double>() / rows[1]["seconds"]!.GetValue<double>(), rows[1]["ratio"]!.GetValue<double>());
        Assert.Equal(2, rows[0]["removedBlocks"]!.AsArray().Count);
        Assert.All(rows[1..], row => Assert.Equal(rows[0]["removedBlocks"]!.ToJsonString(), row["removedBlocks"]!.ToJsonString()));
        Assert.All(rows[1..], row => Assert.True(row["agrees"]!.GetValue<bool>()));
        Assert.All(rows, row => Assert.False(row["extrapolated"]!.GetValue<bool>()));
    }

    private static JsonObject[] Measure()
    {
        using var folder = new TemporaryFolder();
        string json = folder["figures", "search.json"];
        var call = DotnetProcess.Run(Path.Combine(AppContext.BaseDirectory, "Sleb.Benchmarks.dll"), "search", TestFiles.TinyNovels,
            "--calibration", Path.Combine(TestFiles.TinyNovels, "calibration.txt"), "--remove", "2", "--windows", "2", "--sequence-length", "64", "--json", json);
        Assert.True(call.ExitCode == 0, call.Error);
        Assert.Contains("removes the same block as naive in 2 of 2 rounds", call.Out, StringComparison.Ordinal);
        var document = (JsonObject)JsonNode.Parse(File.ReadAllText(json))!;
        Assert.Contains(" cores", document["machine"]!.GetValue<string>(), StringComparison.Ordinal);
        return [.. document["rows"]!.AsArray().Select(row => (JsonObject)row!)];
    }
}
