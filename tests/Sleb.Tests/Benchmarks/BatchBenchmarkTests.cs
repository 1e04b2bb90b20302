using System.Text.Json.Nodes;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Benchmarks;

/// <summary>The batch benchmark as it is called, on the embedded model.</summary>
public class BatchBenchmarkTests(DenseFolder dense) : IClassFixture<DenseFolder>
{
    private static readonly string Evaluation = Path.Combine(TestFiles.TinyNovels, "evaluation.txt");

    [Fact]
    public void Each_batch_size_has_a_row_and_completions_are_those_of_single_rows()
    {
        using var folder = new TemporaryFolder();
        string json = folder["figures", "batch.json"];
        var call = Run("--text", Evaluation, "--texts", "12", "--new-tokens", "8", "--look-ahead", "12", "--json", json);
        Assert.True(call.ExitCode == 0, call.Error);
        Assert.Contains("12 prompts of 4 to 64 words, at most 8 new tokens, 12 rows read ahead", call.Out, StringComparison.Ordinal);
        var document = JsonNode.Parse(File.ReadAllText(json))!;
        Assert.Contains(" cores", document["machine"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal((12, 8), (document["texts"]!.GetValue<int>(), document["maxNewTokens"]!.GetValue<int>()));
        var rows = document["rows"]!.AsArray();
        Assert.Equal([(dense.Path, 1), (dense.Path, 2), (dense.Path, 4), (dense.Path, 8), (dense.Path, 16)], rows.Select(row => (row!["folder"]!.GetValue<string>(), row["batchSize"]!.GetValue<int>())));
        Assert.All(rows, row => Assert.Equal(12, row!["equal"]!.GetValue<int>()));
        Assert.All(rows, row => Assert.Equal(12 / Number(row, "seconds"), Number(row, "textsPerSecond")));
        Assert.All(rows, row => Assert.Equal(Number(row, "textsPerSecond") / Number(rows[0], "textsPerSecond"), Number(row, "ratio")));
    }

    [Fact]
    public void A_text_too_short_for_the_prompts_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["short.txt"], string.Concat(Enumerable.Repeat("word ", 127)));
        Run("--text", folder["short.txt"], "--texts", "2").AssertFailed($"{folder["short.txt"]} has 127 words; 2 prompts take 128. Give a longer text, or fewer --texts.");
    }

    private static double Number(JsonNode? row, string name) => row![name]!.GetValue<double>();

    private CliResult Run(params string[] options) => DotnetProcess.Run([Path.Combine(AppContext.BaseDirectory, "Sleb.Benchmarks.dll"), "batch", dense.Path, .. options]);
}
