using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>Are folders measured beside each other, and is the ratio to expect what the bytes say?</summary>
public class BenchTests(DenseFolder dense) : IClassFixture<DenseFolder>
{
    private static readonly string[] Small = ["--prompt-tokens", "16", "--new-tokens", "8", "--runs", "3"];

    [Fact]
    public void A_smaller_model_moves_fewer_bytes()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, SlebCli.Run("export", TestFiles.TinyNovels, "--remove-blocks", "5,4,3", "--out", folder["pruned"]).ExitCode);
        var call = SlebCli.Run(["bench", dense.Path, folder["pruned"], dense.Path, .. Small, "--json"]);
        Assert.Equal("", call.Error);
        Assert.Contains(" cores", call.Json.GetProperty("machine").GetString());
        var rows = call.Json.GetProperty("folders").EnumerateArray().ToList();
        Assert.Equal([dense.Path, folder["pruned"], dense.Path], rows.Select(row => row.GetProperty("folder").GetString()));
        Assert.All(rows, row => Assert.True(Number(row, "prefillTokensPerSecond") > 0 && Number(row, "decodeTokensPerSecond") > 0 && Number(row, "spread") >= 0));
        Assert.Equal(Number(rows[1], "decodeTokensPerSecond") / Number(rows[0], "decodeTokensPerSecond"), Number(rows[1], "ratio"), 1e-9);
        Assert.Equal((1, 1), (Number(rows[0], "ratio"), Number(rows[2], "idealRatio")));

        // Of a block a step reads each weight once, 4 bytes, and the keys and values of 16 + 8 / 2 positions.
        double block = Number(rows[0], "bytesPerDecodedToken") - Number(rows[1], "bytesPerDecodedToken");
        Assert.Equal(3 * (TinyNovelsBlock.Parameters + TinyNovelsBlock.CachedValues * 20) * 4, block);
        Assert.Equal(Number(rows[0], "bytesPerDecodedToken") / Number(rows[1], "bytesPerDecodedToken"), Number(rows[1], "idealRatio"), 1e-9);
    }

    [Fact]
    public void A_person_reads_a_table()
    {
        var call = SlebCli.Run(["bench", dense.Path, .. Small]);
        Assert.Equal((0, ""), (call.ExitCode, call.Error));
        Assert.Matches("^Machine +.+\nMeasured +16 prompt tokens, 8 new ones; medians of 3 runs in turn\nFolder .+ Ideal *\n.+ MB .+ % +1.00 +1.00 *\n$", call.Out);
    }

    [Fact]
    public void On_a_text_the_perplexity_stands_beside_the_speed()
    {
        string text = Path.Combine(TestFiles.TinyNovels, "evaluation.txt");
        var call = SlebCli.Run(["bench", dense.Path, .. Small, "--text", text, "--windows", "2", "--json"]);
        double expected = Number(SlebCli.Run("perplexity", dense.Path, "--text", text, "--windows", "2", "--json").Json, "perplexity");
        Assert.Equal(expected, Number(call.Json.GetProperty("folders")[0], "perplexity"), 1e-6 * expected);
        Assert.Matches("\nFolder +Perplexity +Size .+ Ideal *\n", SlebCli.Run(["bench", dense.Path, .. Small, "--text", text, "--windows", "1"]).Out);
        SlebCli.Run("bench", dense.Path, "--windows", "2").AssertWrongCall("--windows is for --text FILE, which is not given.", "sleb bench FOLDER");
    }

    [Fact]
    public void The_papers_protocol_fits_the_context_and_writes_a_batch()
    {
        var call = SlebCli.Run("bench", dense.Path, "--protocol", "paper", "--batch-size", "3", "--new-tokens", "8", "--runs", "2", "--json");
        Assert.Equal($"warning: The context of {dense.Path} is 1024 tokens, so smaller sizes are measured: a prompt of 1023 tokens; 3 x 64 tokens with 8 new ones; medians of 2 runs.\n", call.Error);
        Assert.Equal((1023, 64, 8, 3), (Whole("promptTokens"), Whole("generationPromptTokens"), Whole("newTokens"), Whole("batchSize")));
        var row = call.Json.GetProperty("folders")[0];
        Assert.True(Number(row, "prefillTokensPerSecond") > 0 && Number(row, "decodeTokensPerSecond") > 0);
        // A step reads the weights once, and the caches of three texts.
        var alone = SlebCli.Run("bench", dense.Path, "--protocol", "paper", "--batch-size", "1", "--prompt-tokens", "16", "--new-tokens", "8", "--runs", "1", "--json");
        Assert.Equal("", alone.Error);
        Assert.Equal(2 * 12 * TinyNovelsBlock.CachedValues * (64 + 4) * 4, Number(row, "bytesPerDecodedToken") - Number(alone.Json.GetProperty("folders")[0], "bytesPerDecodedToken"));
        SlebCli.Run("bench", dense.Path, "--batch-size", "2").AssertWrongCall("--batch-size is for --protocol paper; without it, one text is written.", "sleb bench FOLDER");

        int Whole(string name) => call.Json.GetProperty(name).GetInt32();
    }

    [Fact]
    public void What_cannot_be_measured_is_said()
    {
        SlebCli.Run("bench", dense.Path, TestFiles.TinyNovels).AssertFailed("holds no genai_config.json; write a folder to run with 'sleb export'.");
        SlebCli.Run("bench", dense.Path, "--prompt-tokens", "1024").AssertWrongCall(
            $"1024 prompt tokens and 128 new ones need a context of 1153; {dense.Path} has 1024.", "sleb bench FOLDER");
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["cut"]);
        foreach (string file in Directory.GetFiles(dense.Path)) File.Copy(file, folder["cut", Path.GetFileName(file)]);
        File.WriteAllBytes(folder["cut", "model.onnx"], [8]);
        SlebCli.Run("bench", folder["cut"]).AssertFailed("is not an ONNX file");
        File.Delete(folder["cut", "model.onnx"]);
        SlebCli.Run("bench", folder["cut"]).AssertFailed("model.onnx");
    }

    private static double Number(JsonElement row, string name) => row.GetProperty(name).GetDouble();

    private static class TinyNovelsBlock
    {
        public static double Parameters { get; }
        public static double CachedValues { get; }

        static TinyNovelsBlock()
        {
            using var checkpoint = Core.Checkpoints.Checkpoint.Open(TestFiles.TinyNovels);
            Parameters = checkpoint.Tensors.Values.Where(tensor => tensor.Name.Contains("layers.3.", StringComparison.Ordinal)).Sum(tensor => tensor.Elements);
            CachedValues = 2 * checkpoint.Config.NumKeyValueHeads * checkpoint.Config.HeadDim;
        }
    }
}
