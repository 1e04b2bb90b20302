using System.CommandLine;
using System.CommandLine.Parsing;

namespace Sleb.Cli;

/// <summary>One sentence for a call that could not be parsed: the first thing that is wrong with it.</summary>
internal static class ParseFault
{
    public static string Sentence(ParseResult call)
    {
        string name = call.CommandResult.Command is RootCommand ? "sleb" : "sleb " + call.CommandResult.Command.Name;
        // The parser takes an option it does not know for an argument, so what it then complains about is only a consequence.
        var arguments = call.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value);
        string? unknown = arguments.Concat(call.UnmatchedTokens).FirstOrDefault(token => token.StartsWith('-') && token.Length > 1);
        if (unknown is not null) return $"'{unknown}' is not an option of '{name}'.";
        if (call.UnmatchedTokens.Count > 0)
            return call.CommandResult.Command is RootCommand
                ? $"'{call.UnmatchedTokens[0]}' is not a command of sleb."
                : $"'{call.UnmatchedTokens[0]}' is one argument too many for '{name}'.";
        return call.Errors.Count > 0 ? call.Errors[0].Message : "A command is missing.";
    }
}
