using System.Text;
using System.Xml.Linq;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Reporting;

/// <summary>Do the folders that a report is given answer its prompts, and is what they cannot answer refused before they try?</summary>
public sealed class ReportAnswersTests : IClassFixture<DenseFolder>, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly InventedRun _run = new();
    private readonly string[] _folders;

    public ReportAnswersTests(DenseFolder dense)
    {
        // Two folders, both of which are called model.
        _folders = [_folder["a", "model"], _folder["b", "model"]];
        foreach (string folder in _folders)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
            Directory.CreateSymbolicLink(folder, dense.Path);
        }
    }

    [Fact]
    public void Folders_of_one_name_are_told_apart_and_prompts_are_read_as_other_texts_are()
    {
        File.WriteAllText(_folder["prompts.txt"], "The door\r\n\r\nShe said\n", Encoding.UTF8); // with a byte-order mark
        var answers = Answers(_folder["prompts.txt"]);
        Assert.Equal([_folders[0], _folders[1], _folders[0], _folders[1]], answers.Select(answer => answer.Folder));
        Assert.Equal(["The door", "The door", "She said", "She said"], answers.Select(answer => answer.Prompt));
        Assert.All(answers, answer => Assert.Equal(3, answer.NewTokens));

        File.WriteAllText(_folder["prompts.jsonl"], "{\"text\":\"The door\"}\n{\"text\":\"She said\"}\n");
        Assert.Equal(answers, Answers(_folder["prompts.jsonl"]));
    }

    [Fact]
    public void What_cannot_be_answered_is_refused_in_a_sentence()
    {
        File.WriteAllText(_folder["long.txt"], "The door\n" + string.Concat(Enumerable.Repeat("The door opened. ", 400)));
        var call = Report(_folder["long.txt"]);
        call.AssertFailed("; shorten the prompt.");
        Assert.Matches($@"^error: The prompt “(The door opened. ){{5}}The door opened…” has \d+ tokens in {_folders[0]}, whose context of 1024 takes at most 1023 and an answer; shorten the prompt.\n$", call.Error);
        File.WriteAllText(_folder["ids.jsonl"], "{\"input_ids\":[1,2,3]}\n");
        Report(_folder["ids.jsonl"]).AssertFailed("holds input_ids where text is needed.");
        Report(_folder["none.txt"]).AssertFailed("none.txt does not exist.");
        Assert.False(File.Exists(_folder["report.html"]));
    }

    [Fact]
    public void Nothing_is_run_for_a_report_that_may_not_be_written()
    {
        string notAModel = _folder["not-a-model"];
        Directory.CreateDirectory(notAModel);
        File.WriteAllText(Path.Combine(notAModel, "genai_config.json"), "{}");
        File.WriteAllText(_folder["prompts.txt"], "The door");
        File.WriteAllText(_folder["report.html"], "mine");
        string[] call = ["report", _run.Folder, "--folders", notAModel, "--prompts", _folder["prompts.txt"], "--out", _folder["report.html"]];
        SlebCli.Run(call).AssertFailed("report.html is there already; give another name, or --overwrite.");
        Assert.Equal("mine", File.ReadAllText(_folder["report.html"]));
        Assert.DoesNotContain("is there already", SlebCli.Run([.. call, "--overwrite"]).Error); // it was the model's turn
    }

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    private CliResult Report(string prompts) =>
        SlebCli.Run("report", _run.Folder, "--folders", string.Join(',', _folders), "--prompts", prompts, "--new-tokens", "3", "--out", _folder["report.html"], "--overwrite");

    private List<(string Folder, string Prompt, int NewTokens)> Answers(string prompts)
    {
        var call = Report(prompts);
        Assert.True(call.ExitCode == 0, call.Error);
        return [.. XDocument.Load(_folder["report.html"]).Descendants("h3").Select(name => (name.Value,
            string.Concat(name.Parent!.Descendants("em").Select(token => token.Value)), name.Parent.Element("p")!.Elements("span").Count()))];
    }
}
