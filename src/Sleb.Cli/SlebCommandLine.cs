using System.CommandLine;
using System.CommandLine.Invocation;
using Sleb.Cli.Commands;
using Sleb.Cli.Output;

namespace Sleb.Cli;

/// <summary>The whole tool over two writers: parse, run, and turn whatever goes wrong into one sentence and an exit code.</summary>
internal static class SlebCommandLine
{
    private static readonly Option<bool> JsonOption = new("--json")
    {
        Description = "Write exactly one JSON document to standard output; progress goes to standard error.",
        Recursive = true,
    };

    private static readonly Option<bool> VerboseOption = new("--verbose") { Description = "Add the stack trace to an error.", Recursive = true };

    private static readonly Option<bool> OfflineOption = new("--offline") { Description = "Take models from folders and the hub cache alone; touch no network.", Recursive = true };

    public static int Run(IReadOnlyList<string> args, TextWriter stdout, TextWriter stderr, CancellationToken cancellationToken)
    {
        var root = CreateRoot();
        // No response files: a prompt may well start with '@'.
        var call = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (call.Action is not null and not ParseErrorAction) // --help, --version, completion
            return call.Invoke(new InvocationConfiguration { Output = stdout, Error = stderr });

        bool json = args.Contains(JsonOption.Name), verbose = args.Contains(VerboseOption.Name); // also where parsing failed
        var diagnostics = new Diagnostics(Consoles.Create(stderr), verbose);
        var command = call.CommandResult.Command as SlebCommand;
        string usage = command?.Usage ?? $"sleb {string.Join('|', root.Subcommands.Select(sub => sub.Name))} …";
        if (call.Errors.Count > 0 || command is null) return diagnostics.WrongCall(ParseFault.Sentence(call), usage);
        var context = new CommandContext(stdout, Consoles.Create(json ? stderr : stdout), diagnostics, json, cancellationToken) { Offline = call.GetValue(OfflineOption) };
        try
        {
            command.Execute(call, context);
            stdout.Flush();
            return ExitCode.Done;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return diagnostics.Cancelled(context.CancelledSentence);
        }
        catch (UsageException e)
        {
            return diagnostics.WrongCall(e.Message, usage);
        }
        catch (ArgumentException e) when (e is not ArgumentNullException)
        {
            // A number that fits the option but not this model: the libraries refuse it as they would any caller's argument.
            return diagnostics.WrongCall(Sentences.Of(e), usage, e);
        }
        catch (Exception e)
        {
            return diagnostics.Failed(e);
        }
    }

    public static RootCommand CreateRoot()
    {
        var root = new RootCommand("Finds the transformer blocks of a language model that can go, removes them, and writes the smaller model (SLEB, ICML 2024).")
        {
            new InspectCommand(),
            new PruneCommand(),
            new ExportCommand(),
            new PerplexityCommand(),
            new EvaluateCommand(),
            new GenerateCommand(),
            new ExperimentCommand(),
            new ReportCommand(),
            new BenchCommand(),
            new DoctorCommand(),
        };
        root.Add(JsonOption);
        root.Add(VerboseOption);
        root.Add(OfflineOption);
        return root;
    }
}
