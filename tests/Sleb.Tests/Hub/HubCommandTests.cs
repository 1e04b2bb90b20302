using System.Globalization;
using Sleb.Cli;
using Sleb.Cli.Output;
using Sleb.Core.Hub;
using Sleb.Tests.Cli;

namespace Sleb.Tests.Hub;

/// <summary>Do the commands take an id where they take a folder? The tool runs as a process, told about the hub by its environment.</summary>
public sealed class HubCommandTests : IDisposable
{
    private static readonly string Commit = FakeHub.Commit('a');

    private readonly TemporaryFolder _folder = new();
    private readonly FakeHub _hub = new("org/tiny-novels");

    public HubCommandTests()
    {
        foreach (string file in Directory.GetFiles(TestFiles.TinyNovels)) _hub.Files[Path.GetFileName(file)] = File.ReadAllBytes(file);
    }

    private string Snapshot => _folder["home", "hub", "models--org--tiny-novels", "snapshots", Commit];

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Inspect_downloads_a_model_once_and_describes_it_as_its_folder()
    {
        _hub.Open = false;
        File.WriteAllText(Directory.CreateDirectory(_folder["home"]).FullName + "/token", "hf_secret\n");
        var first = await Sleb("inspect", "org/tiny-novels", "--json");
        Assert.Equal(SlebCli.Run("inspect", TestFiles.TinyNovels, "--json").Out, first.Out);
        double megabytes = new DirectoryInfo(_folder["home", "hub", "models--org--tiny-novels", "blobs"]).GetFiles().Sum(file => file.Length) / 1e6;
        string[] lines = [.. CliResult.Lines(first.Error).Select(line => line.Trim())];
        Assert.Equal(
        [
            $"Download    org/tiny-novels at commit {Commit}: 5 files, {megabytes.ToString("0.0", CultureInfo.InvariantCulture)} MB", $"from {_hub.Endpoint} into {_folder["home", "hub"]}",
            $"Downloaded  {Path.GetRelativePath(_folder.Path, Snapshot)}",
        ], lines);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"], _hub.FilesAskedFor);
        Assert.All(_hub.StorageRequests, request => Assert.Null(request.Authorization));

        int asked = _hub.Requests.Count;
        var second = await Sleb("inspect", "org/tiny-novels");
        Assert.Equal((0, ""), (second.ExitCode, second.Error));
        Assert.StartsWith($"Model       org/tiny-novels, in {Path.GetRelativePath(_folder.Path, Snapshot)}\nFamily      llama\n", second.Out);
        Assert.Equal(asked, _hub.Requests.Count);
    }

    [Fact]
    public async Task Prune_names_its_folders_after_the_model_and_asks_for_the_text_before_it_downloads()
    {
        string[] call = ["prune", "org/tiny-novels", "--remove", "1", "--windows", "1", "--sequence-length", "32", "--evaluation-windows", "1"];
        var without = await Sleb(call);
        without.AssertWrongCall("The search needs text to decide by, and there is no calibration.txt beside the model; give --calibration FILE.", "sleb prune");
        Assert.Empty(_hub.StorageRequests);

        var pruned = await Sleb([.. call, "--calibration", Path.Combine(TestFiles.TinyNovels, "calibration.txt")]);
        Assert.True(pruned.ExitCode == 0, pruned.Error);
        Assert.Matches("^tiny-novels-[0-9a-f]{8}$", Path.GetFileName(Assert.Single(Directory.GetDirectories(_folder["runs"]))));
        Assert.Equal(["tiny-novels-minus-1"], Directory.GetDirectories(_folder["out"]).Select(Path.GetFileName));
        Assert.True(File.Exists(_folder["out", "tiny-novels-minus-1", "tokenizer.json"]));
        Assert.Null(new FileInfo(_folder["out", "tiny-novels-minus-1", "tokenizer.json"]).LinkTarget);
    }

    [Fact]
    public async Task A_folder_of_that_name_wins_and_offline_asks_nobody()
    {
        var refused = await Sleb("inspect", "org/tiny-novels", "--offline");
        refused.AssertFailed("There is no folder org/tiny-novels, and the model org/tiny-novels is not in the cache", "without --offline");
        Directory.CreateDirectory(_folder["org"]);
        Directory.CreateSymbolicLink(_folder["org", "tiny-novels"], TestFiles.TinyNovels);
        var found = await Sleb("inspect", "org/tiny-novels");
        Assert.StartsWith("Model       org/tiny-novels\n", found.Out);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void A_long_download_without_a_terminal_says_every_half_minute_where_it_is()
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var context = new CommandContext(output, Consoles.Create(output), new Diagnostics(Consoles.Create(error), verbose: false), json: false, default);
        var time = new ManualTime();
        bool asked = false;
        new HubDisplay(context, time, () => asked = true).Run(tell =>
        {
            tell(new HubEvent.Planned(new("org", "x", "main"), Commit, "https://hub", "/cache", 2, 4_000_000_000, 1_000_000_000));
            Assert.True(asked);
            Assert.Equal("What was downloaded is kept; the same command goes on from there.", context.CancelledSentence);
            for (int i = 1; i <= 10; i++)
            {
                time.Pass(seconds: 7);
                tell(new HubEvent.Advanced("model.safetensors", 1_000_000_000 + i * 300_000_000L, 4_000_000_000));
            }
            tell(new HubEvent.Retrying("model.safetensors", "It broke.", TimeSpan.FromSeconds(2)));
            tell(new HubEvent.Waiting("model.safetensors"));
            tell(new HubEvent.Finished("/cache/x"));
            return new("/cache/x", "x", null);
        });
        Assert.Equal(
        [
            $"Download    org/x at commit {Commit}: 2 files, 4.00 GB, 1.00 GB of it here already", "from https://hub into /cache",
            "2.50 GB of 4.00 GB", "4.00 GB of 4.00 GB", "waiting for another process that is downloading model.safetensors", "Downloaded  /cache/x",
        ], CliResult.Lines(output.ToString()).Select(line => line.Trim()));
        Assert.Equal("warning: It broke. The next attempt comes in 2 s.\n", error.ToString());
        Assert.Equal("Nothing was written but the model in the hub cache.", context.CancelledSentence);
    }

    private async Task<CliResult> Sleb(params string[] args)
    {
        var environment = new Dictionary<string, string> { ["HF_HOME"] = _folder["home"], ["HF_ENDPOINT"] = _hub.Endpoint };
        foreach (string name in (string[])["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]) environment[name] = "";
        using var process = SlebCli.Start(_folder.Path, environment, args);
        return await SlebCli.Finish(process);
    }
}
