using Sleb.Core.Search;

namespace Sleb.MLNet;

/// <summary>What the trials of an experiment differ in: every combination of these values is a trial.</summary>
/// <remarks>Trials that differ only in the number of blocks or in the precision share one search, so these are cheap; the others are not.</remarks>
public sealed class SlebSearchSpace
{
    /// <summary>How many blocks to remove.</summary>
    /// <value>Empty, the default, means 1 to a quarter of the model's blocks.</value>
    public IReadOnlyList<int> RemoveBlocks { get; set; } = [];

    /// <summary>What candidates are ranked by.</summary>
    /// <value>The default is <see cref="SearchMetric.Perplexity"/> alone.</value>
    public IReadOnlyList<SearchMetric> Metrics { get; set; } = [SearchMetric.Perplexity];

    /// <summary>Names of calibration texts, as given to <see cref="SlebExperiment.SetCalibration"/>.</summary>
    /// <value>Empty, the default, means all of them.</value>
    public IReadOnlyList<string> Calibrations { get; set; } = [];

    /// <summary>Calibration windows.</summary>
    /// <value>The default is 8 alone.</value>
    public IReadOnlyList<int> Windows { get; set; } = [8];

    /// <summary>Tokens a calibration window.</summary>
    /// <value>Empty, the default, means 512, or the model's context where that is shorter.</value>
    public IReadOnlyList<int> SequenceLengths { get; set; } = [];

    /// <summary>Weights of the written folder: <c>fp32</c>, <c>int8</c> or <c>int4</c>.</summary>
    /// <value>The default is all three.</value>
    public IReadOnlyList<string> Precisions { get; set; } = ["fp32", "int8", "int4"];

    /// <summary>How every search works: not a dimension of the space.</summary>
    /// <value>The default is <see cref="SearchEffort.Exhaustive"/>.</value>
    public SearchEffort Effort { get; set; }

    internal IEnumerable<string> FindFaults(IReadOnlyCollection<string> calibrations)
    {
        foreach (int count in RemoveBlocks.Where(count => count < 1)) yield return $"RemoveBlocks has {count}; it must be at least 1.";
        foreach (int windows in Windows.Where(windows => windows < 1)) yield return $"Windows has {windows}; it must be at least 1.";
        foreach (int length in SequenceLengths.Where(length => length < 2)) yield return $"SequenceLengths has {length}; a window needs at least 2 tokens.";
        foreach (string precision in Precisions.Where(precision => precision is not ("fp32" or "int8" or "int4")))
            yield return $"Precisions has '{precision}'; fp32, int8 and int4 are known.";
        foreach (string name in Calibrations.Except(calibrations)) yield return $"Calibrations has '{name}', which no SetCalibration gave.";
        if (Metrics.Count == 0) yield return "Metrics is empty; give at least one.";
        if (Windows.Count == 0) yield return "Windows is empty; give at least one number.";
        if (Precisions.Count == 0) yield return "Precisions is empty; give at least one.";
    }

    /// <summary>Every trial, searches one after the other, and in each the blocks in the order of their removal.</summary>
    internal IReadOnlyList<SlebTrialSettings> Trials(int blocks, int defaultLength, IReadOnlyList<string> calibrations)
    {
        IEnumerable<int> counts = RemoveBlocks.Count > 0 ? RemoveBlocks.Order() : Enumerable.Range(1, Math.Max(1, blocks / 4));
        var trials =
            from calibration in Calibrations.Count > 0 ? Calibrations : calibrations
            from length in SequenceLengths.Count > 0 ? SequenceLengths : [defaultLength]
            from windows in Windows
            from metric in Metrics
            from count in counts
            from precision in Precisions
            select new SlebTrialSettings { RemoveBlocks = count, Metric = metric, Calibration = calibration, Windows = windows, SequenceLength = length, Precision = precision };
        return [.. trials.Distinct().Select((trial, id) => trial with { TrialId = id + 1 })];
    }
}
