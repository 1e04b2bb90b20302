using System.Globalization;
using Sleb.MLNet;

namespace Sleb.Cli.Experiments;

/// <summary>A budget as a person writes it: <c>perplexity-rise=10%,size=50MB,latency=5ms</c>.</summary>
internal static class BudgetText
{
    /// <exception cref="UsageException">It reads otherwise.</exception>
    public static SlebBudget Parse(string text)
    {
        var budget = new SlebBudget();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] pair = part.Split('=', 2, StringSplitOptions.TrimEntries);
            budget = (pair[0], pair.Length == 2 ? pair[1] : "") switch
            {
                ("perplexity-rise", var value) when Number(value, "%") is { } percent => budget with { MaxPerplexityRise = percent / 100 },
                ("perplexity-rise", var value) when Number(value, "") is { } rise => budget with { MaxPerplexityRise = rise },
                ("size", var value) when (Number(value, "GB") * 1e9 ?? Number(value, "MB") * 1e6 ?? Number(value, "kB") * 1e3) is > 0 and < 1e18 and { } bytes => budget with { MaxModelBytes = (long)bytes },
                ("latency", var value) when Number(value, "ms") is > 0 and { } time => budget with { MaxMillisecondsPerToken = time },
                _ => throw new UsageException($"--budget has '{part}'; perplexity-rise=10%, size=50MB or latency=5ms (a token) is expected, or several with commas between them."),
            };
        }
        return budget;
    }

    private static double? Number(string text, string unit) =>
        text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
        && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) ? number : null;
}
