using System.Text.RegularExpressions;
using Sleb.Cli;

namespace Sleb.Tests.Cli;

/// <summary>Is docs/command-line.md true, and does its main command, the README's first, show a person everything?</summary>
public partial class DocumentationTests
{
    private const string MainCommand = "prune models/tiny-novels --remove 3";

    private static readonly string Page = File.ReadAllText(Path.Combine(TestFiles.Root, "docs", "command-line.md"));

    [Fact]
    public async Task The_examples_run_in_the_order_of_the_page()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["models"]);
        Directory.CreateSymbolicLink(folder["models", "tiny-novels"], TestFiles.TinyNovels);
        var examples = Page.Split('\n').Where(line => line.StartsWith("$ sleb ", StringComparison.Ordinal)).Select(line => line["$ sleb ".Length..]).ToList();
        Assert.Equal(10, examples.Count);
        Assert.Contains(MainCommand, examples);
        foreach (string example in examples)
        {
            var call = await SlebCli.RunProcess(folder.Path, Words(example));
            Assert.True(call.ExitCode == 0, $"{example}: exit code {call.ExitCode}, {call.Error}");
            Assert.NotEmpty(call.Out);
            Assert.All(CliResult.Lines(call.Error), line => Assert.Matches("^warning: Round [1-4] is a near-tie: ", line));
            if (example == MainCommand) CheckMainJob(call, folder);
        }
    }

    [Fact]
    public void The_commands_for_a_GPU_are_calls_that_the_tool_and_the_build_know()
    {
        string page = File.ReadAllText(Path.Combine(TestFiles.Root, "docs", "gpu.md")), natives = File.ReadAllText(Path.Combine(TestFiles.Root, "build", "Natives.props"));
        var commands = page.Split('\n').Where(line => line.StartsWith("$ sleb ", StringComparison.Ordinal)).ToList();
        Assert.Equal(6, commands.Count);
        Assert.All(commands, command => Assert.Empty(SlebCommandLine.CreateRoot().Parse(Words(command["$ sleb ".Length..])).Errors));
        Assert.All(Property().Matches(page), property => Assert.Contains($"$({property.Value})", natives));
        foreach (var (package, version) in Package().Matches(page).Select(match => (match.Groups[1].Value, match.Groups[2].Value)))
            Assert.Contains($"Include=\"{package}\" Version=\"{version}\"", File.ReadAllText(Path.Combine(TestFiles.Root, "Directory.Packages.props")));
    }

    private static void CheckMainJob(CliResult call, TemporaryFolder folder)
    {
        // Text alone is approved: the last digits of a sum differ between machines.
        string approved = File.ReadAllText(Path.Combine(TestFiles.Root, "tests", "Sleb.Tests", "Cli", "approved", "prune-tiny-novels.txt"));
        Assert.Equal(approved, Hash().Replace(Number().Replace(call.Out, "#.#"), "HASH8"));
        Assert.True(File.Exists(folder["out", "tiny-novels-minus-3", "genai_config.json"]));
        Assert.Single(Directory.GetFiles(folder["runs"], "plan.json", SearchOption.AllDirectories));
        Assert.Equal(["models", "out", "runs"], Directory.GetDirectories(folder.Path).Select(Path.GetFileName).Order());
    }

    /// <summary>As a shell would cut it; the page quotes only with double quotes.</summary>
    private static string[] Words(string line) =>
        [.. line.Split('"').SelectMany((part, i) => i % 2 == 1 ? [part] : part.Split(' ', StringSplitOptions.RemoveEmptyEntries))];

    [GeneratedRegex(@"\bSleb(Runtime|OnnxRuntime|GenAI|Torch)\b")]
    private static partial Regex Property();

    [GeneratedRegex(@"`([\w.-]+)` (\d+\.\d+\.\d+) \|")]
    private static partial Regex Package();

    [GeneratedRegex(@"\d+\.\d+")]
    private static partial Regex Number();

    [GeneratedRegex(@"(?<=-)[0-9a-f]{8}\b")]
    private static partial Regex Hash();
}
