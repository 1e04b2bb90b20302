using System.Globalization;
using System.Text.Json;

namespace Sleb.Tests.Search;

/// <summary>The reference search on SmolLM2-135M: 8 windows of 512 tokens, 9 rounds.</summary>
internal sealed class SmolLM2Reference
{
    private readonly JsonElement _json = JsonDocument.Parse(File.ReadAllText(TestFiles.Shared("reference", "smollm2-wikitext2.json"))).RootElement;

    public IReadOnlyList<int[]> Calibration => Windows("calibration");

    public IReadOnlyList<int[]> Evaluation => Windows("evaluation");

    public int[] RemovalOrder => Ids(_json.GetProperty("removal_order"));

    public double[] BlockInfluence => Doubles(_json.GetProperty("block_influence"));

    public IEnumerable<(int[] Removed, double MeanNll)> CalibrationCurve => Curve("calibration_curve");

    public IEnumerable<(int[] Removed, double MeanNll)> EvaluationCurve => Curve("evaluation_curve");

    /// <summary>Alive blocks of a round (from 1), and each candidate's loss in every window.</summary>
    public (int[] Alive, Dictionary<int, double[]> WindowNll) Round(int round)
    {
        var element = _json.GetProperty("rounds")[round - 1];
        return (Ids(element.GetProperty("alive")), element.GetProperty("window_nll").EnumerateObject().ToDictionary(entry => int.Parse(entry.Name, CultureInfo.InvariantCulture), entry => Doubles(entry.Value)));
    }

    private IReadOnlyList<int[]> Windows(string name) => [.. _json.GetProperty(name).EnumerateArray().Select(Ids)];

    private IEnumerable<(int[], double)> Curve(string name) =>
        _json.GetProperty(name).EnumerateArray().Select(point => (Ids(point.GetProperty("removed")), point.GetProperty("mean_nll").GetDouble()));

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static double[] Doubles(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetDouble())];
}
