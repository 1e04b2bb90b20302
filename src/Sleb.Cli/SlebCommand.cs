using System.CommandLine;

namespace Sleb.Cli;

/// <summary>A command that runs in a <see cref="CommandContext"/>.</summary>
internal abstract class SlebCommand(string name, string description) : Command(name, description)
{
    /// <exception cref="UsageException">The call was wrong.</exception>
    public abstract void Execute(ParseResult call, CommandContext context);

    /// <summary>One line: <c>sleb name ARGUMENTS --required X [--optional Y]</c>.</summary>
    public string Usage
    {
        get
        {
            var words = new List<string> { "sleb", Name };
            words.AddRange(Arguments.Select(argument => argument.Name));
            foreach (var option in Options.Where(option => !option.Hidden && option.Name != "--help"))
            {
                string word = option.ValueType == typeof(bool) ? option.Name : $"{option.Name} {option.HelpName}";
                words.Add(option.Required ? word : $"[{word}]");
            }
            return string.Join(' ', words);
        }
    }
}
