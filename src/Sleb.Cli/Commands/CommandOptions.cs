using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Sleb.Core.Calibration;

namespace Sleb.Cli.Commands;

/// <summary>Arguments and options whose errors read like the rest of the tool's.</summary>
internal static class CommandOptions
{
    public static Argument<string> Folder(string name, string description) => new(name) { Description = description };

    public static Option<string?> Path(string name, string helpName, string description) => Text(name, helpName, description, value =>
        value.Length == 0 ? $"{name} needs a path; an empty text was given."
        // A mistyped option would otherwise become a folder of that name.
        : value.StartsWith("--", StringComparison.Ordinal) ? $"{name} needs a path, but '{value}' follows it; write ./{value} if that is the name."
        : null);

    public static Option<string?> Text(string name, string helpName, string description, Func<string, string?>? fault = null) => new(name)
    {
        Description = description,
        HelpName = helpName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string value = result.Tokens[0].Value;
            if (fault?.Invoke(value) is { } sentence) result.AddError(sentence);
            return value;
        },
    };

    /// <summary>A value out of a few.</summary>
    public static Option<string?> Choice(string name, string description, params string[] values) => Text(name, string.Join('|', values), description,
        value => values.Contains(value) ? null : $"{name} is '{value}'; {string.Join(" or ", values)} is expected.");

    /// <summary>One of an enumeration's values, by its name in JSON; null where the option is not given.</summary>
    public static Option<T?> Choice<T>(string name, string description) where T : struct, Enum
    {
        string[] values = [.. Enum.GetValues<T>().Select(value => JsonSerializer.SerializeToElement(value).GetString()!)];
        return new(name)
        {
            Description = description,
            HelpName = string.Join('|', values),
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result =>
            {
                int at = Array.IndexOf(values, result.Tokens[0].Value);
                if (at < 0) result.AddError($"{name} is '{result.Tokens[0].Value}'; {string.Join(" or ", values)} is expected.");
                return Enum.GetValues<T>()[Math.Max(at, 0)];
            },
        };
    }

    /// <summary>A whole number of at least <paramref name="minimum"/>; null where the option is not given.</summary>
    public static Option<int?> Whole(string name, string description, int minimum, string helpName = "N") => new(name)
    {
        Description = description,
        HelpName = helpName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value))
                result.AddError($"{name} is '{text}'; a whole number is expected.");
            else if (value < minimum)
                result.AddError($"{name} is {text}; at least {minimum.ToString(CultureInfo.InvariantCulture)} is expected.");
            return value;
        },
    };

    /// <summary>A number from <paramref name="minimum"/> to <paramref name="maximum"/>; null where the option is not given.</summary>
    public static Option<double?> Number(string name, string description, double minimum, double maximum) => new(name)
    {
        Description = description,
        HelpName = "X",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !(value >= minimum && value <= maximum))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} is '{text}'; a number from {minimum} to {maximum} is expected."));
            return value;
        },
    };

    /// <summary>Bytes as a person writes them: 2GB, 1.5GB, 800MB; null where the option is not given.</summary>
    public static Option<long?> Memory() => new("--memory")
    {
        Description = "Cap on the process's resident memory: the model is then read block by block. GB = 10⁹ bytes.",
        HelpName = "2GB",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            double unit = text.EndsWith("GB", StringComparison.OrdinalIgnoreCase) ? 1e9 : text.EndsWith("MB", StringComparison.OrdinalIgnoreCase) ? 1e6 : double.NaN;
            bool read = double.TryParse(text.AsSpan(0, Math.Max(0, text.Length - 2)), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number);
            if (read && number * unit is > 0 and < 1e18) return (long)(number * unit);
            result.AddError($"--memory is '{text}'; a size such as 2GB, 1.5GB or 800MB is expected.");
            return null;
        },
    };

    /// <summary>Whole numbers separated by commas, at least one.</summary>
    public static Option<int[]?> Ids(string name, string helpName, string description) => new(name)
    {
        Description = description,
        HelpName = helpName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
            var values = new int[parts.Length];
            for (int i = 0; i < parts.Length; i++)
                if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out values[i]))
                {
                    result.AddError($"{name} is '{text}'; whole numbers separated by commas are expected, for example {helpName}.");
                    return null;
                }
            return values;
        },
    };

    /// <summary>Names separated by commas, each once.</summary>
    public static Option<string[]?> Names(string name, string helpName, string description) => new(name)
    {
        Description = description,
        HelpName = helpName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            string[] names = text.Split(',', StringSplitOptions.TrimEntries);
            if (names.Any(each => each.Length == 0)) result.AddError($"{name} is '{text}'; names separated by commas are expected, for example {helpName}.");
            else if (names.GroupBy(each => each).FirstOrDefault(group => group.Count() > 1) is { } twice) result.AddError($"{name} has '{twice.Key}' twice.");
            return names;
        },
    };

    /// <summary>The value; null where the option is not given, for which the parser's own word is an empty array.</summary>
    public static int[]? Given(ParseResult call, Option<int[]?> option) => call.GetResult(option) is null ? null : call.GetValue(option);

    /// <summary>The first of some options that the call gives; null where it gives none.</summary>
    public static Option? FirstGiven(ParseResult call, params IEnumerable<Option> options) => options.FirstOrDefault(option => call.GetResult(option) is { Implicit: false });

    public static Option<string?> Join() => Text("--join", "TEXT", "What stands between the documents of a .jsonl text. Default: two newlines.");

    /// <summary>The text of a file as <see cref="TextFile"/> reads it.</summary>
    public static TextSource ReadText(string path, string? join, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return join is null ? TextFile.Read(path) : TextFile.Read(path, join);
    }

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };
}
