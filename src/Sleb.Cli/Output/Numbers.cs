using System.Globalization;

namespace Sleb.Cli.Output;

/// <summary>Numbers as a person reads them, the same in every culture.</summary>
internal static class Numbers
{
    /// <summary>Nats per token.</summary>
    public static string Loss(double? value) => Fixed(value, "0.0000");

    public static string Perplexity(double? value) => Fixed(value, "0.00");

    public static string Count(long? value) => value?.ToString("#,0", CultureInfo.InvariantCulture) ?? "unknown";

    /// <summary>GB are 10⁹ bytes.</summary>
    public static string Bytes(long? value) => value switch
    {
        null => "unknown",
        >= 1_000_000_000 => Fixed(value / 1e9, "0.00") + " GB",
        >= 1_000_000 => Fixed(value / 1e6, "0.0") + " MB",
        >= 1_000 => Fixed(value / 1e3, "0.0") + " kB",
        _ => Count(value) + " bytes",
    };

    public static string Change(double before, double after) => ((after / before - 1) * 100).ToString("+0.0;-0.0", CultureInfo.InvariantCulture) + " %";

    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 90 } => $"{Math.Ceiling(time.TotalSeconds):0} s",
        { TotalMinutes: < 90 } => $"{Math.Ceiling(time.TotalMinutes):0} min",
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.0} h"),
    };

    public static string List(IEnumerable<int> values) => string.Join(", ", values);

    private static string Fixed(double? value, string format) =>
        value is { } number && double.IsFinite(number) ? number.ToString(format, CultureInfo.InvariantCulture) : "not a number";
}
