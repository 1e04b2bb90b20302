using System.Text.Json.Nodes;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Benchmarks;

/// <summary>The decode benchmark as it is called.</summary>
public class DecodeBenchmarkTests(DenseFolder dense) : IClassFixture<DenseFolder>
{
    [Fact]
    public void Folders_have_a_row_each_and_a_missing_file_is_said()
    {
        using var folder = new TemporaryFolder();
        var (exitCode, output, error) = Run("builder-form", TestFiles.TinyNovels, "--out", folder["builder"]);
        Assert.True(exitCode == 0, error);
        Assert.StartsWith("Folder", output, StringComparison.Ordinal);

        string json = folder["figures", "decode.json"], gguf = folder["missing.gguf"];
        (exitCode, output, error) = Run("decode", dense.Path, folder["builder"], "--gguf", gguf, "--json", json, "--prompt-tokens", "16", "--new-tokens", "4", "--runs", "3");
        Assert.Equal((1, $"{gguf} does not exist; the row of llama.cpp is missing.\n"), (exitCode, error));
        Assert.Contains("16 prompt tokens, 4 new ones, 2 threads; medians of 3 runs in turn", output, StringComparison.Ordinal);
        var document = JsonNode.Parse(File.ReadAllText(json))!;
        Assert.Contains(" cores", document["machine"]!.GetValue<string>(), StringComparison.Ordinal);
        var rows = document["rows"]!.AsArray();
        Assert.Equal([("genai", dense.Path), ("genai", folder["builder"])], rows.Select(row => (row!["engine"]!.GetValue<string>(), row["model"]!.GetValue<string>())));
        Assert.All(rows, row => Assert.True(Number(row, "prefillTokensPerSecond") > 0 && Number(row, "bytes") > 1e6));
        Assert.Equal((1, Number(rows[1], "decodeTokensPerSecond") / Number(rows[0], "decodeTokensPerSecond")), (Number(rows[0], "ratio"), Number(rows[1], "ratio")));
    }

    [Fact]
    public void Llama_cpp_runs_beside_a_folder()
    {
        string gguf = TestFiles.Shared("models", "smollm2-135m", "SmolLM2-135M-Instruct.Q4_1.gguf");
        using var folder = new TemporaryFolder();
        var (exitCode, _, error) = Run("decode", dense.Path, "--gguf", gguf, "--json", folder["decode.json"], "--prompt-tokens", "16", "--new-tokens", "4", "--runs", "1");
        Assert.True(exitCode == 0, error);
        var row = JsonNode.Parse(File.ReadAllText(folder["decode.json"]))!["rows"]![1]!;
        Assert.Equal(("llama.cpp", gguf, new FileInfo(gguf).Length), (row["engine"]!.GetValue<string>(), row["model"]!.GetValue<string>(), row["bytes"]!.GetValue<long>()));
        Assert.True(Number(row, "prefillTokensPerSecond") > 0 && Number(row, "decodeTokensPerSecond") > 0);
    }

    private static double Number(JsonNode? row, string name) => row![name]!.GetValue<double>();

    private static CliResult Run(params string[] arguments) => DotnetProcess.Run([Path.Combine(AppContext.BaseDirectory, "Sleb.Benchmarks.dll"), .. arguments]);
}
