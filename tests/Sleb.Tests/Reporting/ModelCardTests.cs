using System.Globalization;
using System.Text.RegularExpressions;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;
using Sleb.MLNet.Reporting;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Reporting;

/// <summary>Does every written folder say what it is, and does what it says lead there again?</summary>
public sealed partial class ModelCardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(12)]
    [InlineData(12, 0)]
    [InlineData(12, 11)]
    [InlineData(12, 5)]
    [InlineData(12, 4, 3, 5)]
    [InlineData(12, 0, 11, 6, 2, 1)]
    [InlineData(3, 0, 2)]
    [InlineData(2, 1)]
    public void The_merge_takes_the_blocks_that_stay(int blocks, params int[] removed)
    {
        var survivors = Survivors.After(blocks, removed);
        string yaml = MergeSlices.Yaml("org/name", survivors);
        Assert.Equal(survivors, Merged(yaml));
        Assert.Equal(Ranges().Count(yaml), 1 + survivors.Zip(survivors.Skip(1)).Count(pair => pair.Second != pair.First + 1)); // no run is cut
        Assert.StartsWith("slices:\n  - sources:\n      - model: org/name\n        layer_range: [", yaml);
        Assert.EndsWith("]\nmerge_method: passthrough\n", yaml);
    }

    [Theory]
    [InlineData("")]
    [InlineData("on evaluation text | ", "--evaluate-each")]
    public void What_prune_writes_says_how_it_came_about_and_the_command_leads_there_again(string column, params string[] more)
    {
        using var run = new PruneRun();
        Assert.Equal(0, run.Prune(2, more).ExitCode);
        var plan = BlockPlan.Load(run.Plan);
        string card = Card(run.Out);
        Assert.StartsWith("---\nbase_model: \"tiny-novels\"\nlibrary_name: onnxruntime-genai\npipeline_tag: text-generation\ntags:\n- onnx\n- pruned\n- depth-pruning\n- sleb\n---\n\n# tiny-novels without 2 of its 12 blocks\n", card);
        Assert.All((string[])[
            "A `llama` model of 10 transformer blocks, as an ONNX Runtime GenAI folder for cpu in fp32.", "| dense | ", "| without the blocks | ", "| this folder | ",
            "Measured on evaluation.txt, 2 windows of 256 tokens in all.", $"- Drop, in the order of removal: {Figures.List(plan.RemovedBlocks)}\n- Keep: {Figures.List(plan.Survivors)}\n",
            $"| 1 | {plan.RemovedBlocks[0]} | ",
            $"\n| round | removed | loss | perplexity | {column}runner-up | margin | standard error | note |\n|{string.Concat(Enumerable.Repeat(" ---: |", column.Length > 0 ? 8 : 7))} --- |\n", $"| calibration fingerprint | `{plan.Search.CalibrationFingerprint}` |", "| calibration | calibration.txt, 4 windows of 128 tokens |",
            $"`{plan.Search.ModelFingerprint}`", "## Licence\n\nThe base model's files name none; it is to be found where that model came from.\n"], part => Assert.Contains(part, card));
        Assert.Equal(plan.Survivors, Merged(card));
        Assert.DoesNotContain(Path.GetTempPath(), card);
        Assert.DoesNotContain(TestFiles.Root, card);

        string again = Repeat(card);
        Assert.Equal(card, Card(again));
    }

    [Fact]
    public void What_is_not_known_is_not_called_sure()
    {
        using var run = new PruneRun();
        Assert.Equal(0, run.Prune(2, "--metric", "block-influence").ExitCode);
        string card = Card(run.Out);
        Assert.Contains("Rounds 1, 2 of 2: the margin to the runner-up has no standard error (block influence is one figure of the whole text), so it is not known how sure this is. Losses are in nats per token", card);
        Assert.Contains("margins in block influence (1 − cosine).", card);
        Assert.DoesNotContain("near-tie", card);
    }

    [Fact]
    public void A_card_that_somebody_wrote_on_is_left_and_one_without_the_last_figure_gets_it()
    {
        using var run = new PruneRun();
        Assert.Equal(0, run.Prune(1).ExitCode);
        string path = Path.Combine(run.Out, "README.md"), card = File.ReadAllText(path);
        File.WriteAllText(path, card + "mine\n");
        Assert.Equal(0, run.Prune(1).ExitCode);
        Assert.Equal(card + "mine\n", File.ReadAllText(path));

        // As a run leaves it that was killed between the folder and its measurement.
        string without = ShippedRow().Replace(card, "").Replace(", the last is this folder through ONNX Runtime GenAI", "");
        Assert.NotEqual(card, without);
        File.WriteAllText(path, without);
        Assert.Equal(0, run.Prune(1).ExitCode);
        Assert.Equal(card, File.ReadAllText(path));
        Assert.False(File.Exists(path + ".partial"));
    }

    [Fact]
    public void What_export_writes_has_its_own()
    {
        string Export(string name, params string[] how)
        {
            Assert.Equal(0, SlebCli.Run(["export", TestFiles.TinyNovels, "--out", _folder[name], .. how]).ExitCode);
            return Card(_folder[name]);
        }
        string checkpoint = Export("hf", "--remove-blocks", "11,0", "--format", "hf");
        Assert.StartsWith("---\nbase_model: \"tiny-novels\"\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- pruned\n", checkpoint);
        Assert.Contains("as a Hugging Face checkpoint in bf16.", checkpoint);
        Assert.Contains("- Drop, in the order of removal: 11, 0\n- Keep: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n", checkpoint);
        Assert.Contains("sleb export tiny-novels --remove-blocks 11,0 --format hf --out DIR\n", checkpoint);
        Assert.Equal(checkpoint, Card(Repeat(checkpoint)));

        string dense = Export("dense", "--precision", "int8", "--embedding-precision", "int8");
        Assert.Contains("\n# tiny-novels\n", dense);
        Assert.Contains("- Drop, in the order of removal: none\n", dense);
        Assert.Contains("Its weights are the base model's as int8 (block 32, symmetric", dense);
        Assert.DoesNotContain("sleb\n---", dense);
        Assert.Equal(dense, Card(Repeat(dense)));

        string cut = Export("cut", "--remove-blocks", "3"); // and of a folder that ships
        Assert.Equal(0, SlebCli.Run("export", _folder["cut"], "--remove-blocks", "0", "--out", _folder["twice"]).ExitCode);
        Assert.Contains("# cut without 1 of its 11 blocks\n", Card(_folder["twice"]));
        Assert.Equal(Enumerable.Range(1, 10), Merged(Card(_folder["twice"])));
        Assert.Equal(Enumerable.Range(0, 12).Except([3]), Merged(cut));
    }

    [Fact]
    public void Name_and_licence_are_what_the_base_models_files_say()
    {
        string snapshot = _folder["models--org--a.name", "snapshots", "0123456789abcdef"];
        Directory.CreateDirectory(snapshot);
        Assert.Equal(("org/a.name", "org/a.name"), (BaseModel.Of(snapshot).Name, BaseModel.Of(snapshot).Yaml));
        Directory.CreateDirectory(_folder["2.5"]);
        Assert.Equal("\"2.5\"", BaseModel.Of(_folder["2.5"]).Yaml);
        File.WriteAllText(Path.Combine(snapshot, "README.md"), "---\nlanguage: en\nlicense: other\nlicense_name: some\ntags:\n- x\n---\nlicense: no\n");
        File.WriteAllText(Path.Combine(snapshot, "LICENSE.txt"), "text");
        var origin = BaseModel.Of(snapshot);
        Assert.Equal(["license: other", "license_name: some"], origin.LicenceLines);
        Assert.Equal(["LICENSE.txt"], origin.LicenceFiles);

        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        var card = new ModelCard { BaseFolder = snapshot, Command = "" };
        var written = PrunedCheckpoint.Write(checkpoint, [2], _folder["out"], overwrite: false, new() { Card = card.Text }, TestContext.Current.CancellationToken);
        string text = Card(written.Folder);
        Assert.StartsWith("---\nbase_model: org/a.name\nlicense: other\nlicense_name: some\nlibrary_name: ", text);
        Assert.EndsWith("## Licence\n\nThe base model's card says `license: other`. The base model's card says `license_name: some`. The base model's folder holds LICENSE.txt.\n", text);
    }

    public void Dispose() => _folder.Dispose();

    private static string Card(string folder) => File.ReadAllText(Path.Combine(folder, "README.md"));

    /// <summary>Runs a card's command with this machine's paths; returns the new folder.</summary>
    private string Repeat(string card)
    {
        string command = card.Split("```sh\n")[1].Split("\n```")[0], target = _folder["again-" + Guid.NewGuid().ToString("N")];
        string[] words = [.. command.Split(' ').Skip(1).Select(word => word switch
        {
            "tiny-novels" => TestFiles.TinyNovels,
            "calibration.txt" or "evaluation.txt" => Path.Combine(TestFiles.TinyNovels, word),
            "DIR" => target,
            _ => word,
        })];
        if (words[0] == "prune") words = [.. words, "--run", _folder["run"]];
        var call = SlebCli.Run(words);
        Assert.True(call.ExitCode == 0, call.Error);
        return target;
    }

    /// <summary>The blocks that the slices hold, in order.</summary>
    private static IEnumerable<int> Merged(string yaml) => Ranges().Matches(yaml).SelectMany(match =>
        Enumerable.Range(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) - int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"layer_range: \[(\d+), (\d+)\]")]
    private static partial Regex Ranges();

    [GeneratedRegex(@"\| this folder \|.*\n")]
    private static partial Regex ShippedRow();
}
