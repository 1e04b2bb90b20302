namespace Sleb.Tests.Cli;

/// <summary>Is docs/command-line.md true?</summary>
public class DocumentationTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(TestFiles.Root, "docs", "command-line.md"));

    [Fact]
    public async Task The_examples_run_in_the_order_of_the_page()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["models"]);
        Directory.CreateSymbolicLink(folder["models", "tiny-novels"], TestFiles.TinyNovels);
        var examples = Page.Split('\n').Where(line => line.StartsWith("$ sleb ", StringComparison.Ordinal)).ToList();
        Assert.Equal(8, examples.Count);
        foreach (string example in examples)
        {
            var call = await SlebCli.RunProcess(folder.Path, Words(example["$ sleb ".Length..]));
            Assert.True(call.ExitCode == 0, $"{example}: exit code {call.ExitCode}, {call.Error}");
            Assert.NotEmpty(call.Out);
        }
    }

    /// <summary>As a shell would cut it; the page quotes only with double quotes.</summary>
    private static string[] Words(string line) =>
        [.. line.Split('"').SelectMany((part, i) => i % 2 == 1 ? [part] : part.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
}
