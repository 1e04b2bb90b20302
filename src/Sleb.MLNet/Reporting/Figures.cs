using System.Globalization;

namespace Sleb.MLNet.Reporting;

/// <summary>Numbers as a report prints them.</summary>
internal static class Figures
{
    public static string Nats(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "not finite";

    public static string Perplexity(double value) => value.ToString(value < 1000 ? "0.00" : "#,0", CultureInfo.InvariantCulture);

    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Percent(double before, double after) => ((after / before - 1) * 100).ToString("+0.0;-0.0", CultureInfo.InvariantCulture) + " %";

    public static string List(IEnumerable<int> values) => string.Join(", ", values);
}
