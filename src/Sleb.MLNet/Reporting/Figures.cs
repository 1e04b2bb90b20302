using System.Globalization;
using System.Text.Json;

namespace Sleb.MLNet.Reporting;

/// <summary>Numbers as a report prints them.</summary>
internal static class Figures
{
    public static string Nats(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "not measured";

    public static string Perplexity(double value) => value.ToString(value < 1000 ? "0.00" : "#,0", CultureInfo.InvariantCulture);

    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Percent(double before, double after) => ((after / before - 1) * 100).ToString("+0.0;-0.0", CultureInfo.InvariantCulture) + " %";

    /// <summary>As plans and the command line spell it.</summary>
    public static string Name<T>(T value) where T : struct, Enum => JsonSerializer.SerializeToElement(value).GetString()!;

    public static string List(IEnumerable<int> values) => string.Join(", ", values);
}
