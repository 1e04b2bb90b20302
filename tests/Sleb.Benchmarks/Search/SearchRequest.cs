namespace Sleb.Benchmarks.Search;

/// <summary>The search that every mode does.</summary>
internal sealed record SearchRequest(string Model, string Calibration, int Remove, int Windows, int? SequenceLength, int BudgetSeconds)
{
    /// <summary>The same as words of a command line.</summary>
    public IEnumerable<string> Arguments => [Model, "--calibration", Calibration, "--remove", $"{Remove}", "--windows", $"{Windows}",
        .. SequenceLength is { } length ? (string[])["--sequence-length", $"{length}"] : []];
}
