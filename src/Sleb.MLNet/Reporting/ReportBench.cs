using System.Text.Json;
using Sleb.MLNet.Experiments;

namespace Sleb.MLNet.Reporting;

/// <summary>What <c>sleb bench --json</c> measured on one machine, as far as a report shows it.</summary>
/// <param name="BatchSize">Texts that are written together.</param>
internal sealed record ReportBench(string Machine, int PromptTokens, int NewTokens, int Runs, int BatchSize, IReadOnlyList<ReportBench.Row> Folders)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>One folder; rates are medians over the runs.</summary>
    internal sealed record Row(string Folder, long Bytes, double PrefillTokensPerSecond, double DecodeTokensPerSecond, double Spread, double Ratio, double? Perplexity = null);

    /// <summary>What a reader of one text waits for each of its tokens.</summary>
    public double MillisecondsPerToken(Row row) => 1000 * BatchSize / row.DecodeTokensPerSecond;

    /// <summary>The folders that no other beats in perplexity, size and latency together.</summary>
    public IReadOnlyList<Row> Front() => TrialChoice.Front(Folders, row => (row.Perplexity!.Value, row.Bytes, MillisecondsPerToken(row)));

    /// <exception cref="InvalidDataException">The file is no such document, or was measured without a text.</exception>
    public static ReportBench Read(string path)
    {
        ReportBench bench;
        try
        {
            bench = JsonSerializer.Deserialize<ReportBench>(File.ReadAllText(path), Json) ?? throw new JsonException("it holds null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not what 'sleb bench --json' writes ({e.Message}); give the file that its standard output went to.", e);
        }
        if (bench.Folders.Count == 0) throw new InvalidDataException($"{path} holds no folder; measure some with 'sleb bench FOLDER… --text FILE --json'.");
        return bench.Folders.FirstOrDefault(row => row is not { Perplexity: > 0, DecodeTokensPerSecond: > 0 }) is not { } without ? bench
            : throw new InvalidDataException($"{path} has no perplexity or no speed of {without.Folder}; measure with 'sleb bench FOLDER… --text FILE --json'.");
    }
}
