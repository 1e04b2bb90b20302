using Microsoft.ML;
using Microsoft.ML.Runtime;
using Sleb.Core.Checkpoints;
using Sleb.MLNet;

namespace Sleb.Tests.Hub;

/// <summary>Does ML.NET take an id where it takes a folder?</summary>
public sealed class HubFitTests : IDisposable
{
    private static readonly string[] Variables = ["HF_HOME", "HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];

    private readonly TemporaryFolder _folder = new();
    private readonly FakeHub _hub = new("org/tiny-novels");
    private readonly Dictionary<string, string?> _before = Variables.ToDictionary(name => name, Environment.GetEnvironmentVariable);
    private readonly MLContext _ml = new(seed: 1);

    public HubFitTests()
    {
        foreach (string file in Directory.GetFiles(TestFiles.TinyNovels)) _hub.Files[Path.GetFileName(file)] = File.ReadAllBytes(file);
        // Of this process, as a user has it; every other test of the hub is given its settings, or a process of its own.
        foreach (string name in Variables) Environment.SetEnvironmentVariable(name, null);
        Environment.SetEnvironmentVariable("HF_HOME", _folder["home"]);
        Environment.SetEnvironmentVariable("HF_ENDPOINT", _hub.Endpoint);
    }

    public void Dispose()
    {
        foreach (var (name, value) in _before) Environment.SetEnvironmentVariable(name, value);
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Fit_downloads_the_model_tells_the_log_and_names_the_folder_after_the_model()
    {
        Assert.Contains("is not in the cache", Assert.Throws<CheckpointException>(() => Fit(offline: true)).Message);
        Assert.Empty(_hub.Requests);

        var log = new List<LoggingEventArgs>();
        _ml.Log += (_, e) => { lock (log) log.Add(e); };
        using (var pruned = Fit(offline: false)) Assert.Equal(_folder["run", "tiny-novels-minus-1"], pruned.ModelFolder);
        string[] lines = [.. log.Where(e => e.Kind == ChannelMessageKind.Info && e.RawMessage.StartsWith("Download", StringComparison.Ordinal)).Select(e => e.RawMessage)];
        string cache = _folder["home", "hub"], commit = FakeHub.Commit('a');
        long bytes = new DirectoryInfo(Path.Combine(cache, "models--org--tiny-novels", "blobs")).GetFiles().Sum(file => file.Length);
        Assert.Equal(
        [
            $"Downloading org/tiny-novels at commit {commit} from {_hub.Endpoint} into {cache}: 5 files, {bytes} bytes, 0 of them there already.",
            $"Downloaded to {Path.Combine(cache, "models--org--tiny-novels", "snapshots", commit)}.",
        ], lines);

        int asked = _hub.Requests.Count;
        Fit(offline: true).Dispose();
        Assert.Equal(asked, _hub.Requests.Count);
    }

    private SlebPruneTransformer Fit(bool offline) => _ml.Transforms.SlebPrune(new SlebPruneOptions
    {
        ModelFolder = "org/tiny-novels",
        Offline = offline,
        RemoveBlocks = 1,
        SequenceLength = 32,
        Windows = 1,
        EvaluationWindows = 1,
        RunFolder = _folder["run"],
    }).Fit(_ml.Data.LoadSlebText(Path.Combine(TestFiles.TinyNovels, "calibration.txt")));
}
