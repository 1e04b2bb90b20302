using System.Text;
using Sleb.Core.Hub;

namespace Sleb.Tests.Hub;

/// <summary>A fake hub with a small model, and an empty cache; waiting costs no time and is written down.</summary>
public abstract class HubTest : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    protected HubTest()
    {
        Settings = new HubSettings
        {
            Endpoint = Hub.Endpoint,
            CacheFolder = _folder["hub"],
            Pause = (delay, token) =>
            {
                token.ThrowIfCancellationRequested();
                Pauses.Add(delay);
                return Task.CompletedTask;
            },
        };
        foreach (string name in (string[])["config.json", "generation_config.json", "tokenizer.json", "LICENSE"]) Hub.Files[name] = Encoding.UTF8.GetBytes($"{{\"file\": \"{name}\"}}");
        Hub.Files["model.safetensors"] = Content(500_000, seed: 1);
    }

    internal FakeHub Hub { get; } = new("org/tiny");

    internal HubSettings Settings { get; set; }

    internal List<TimeSpan> Pauses { get; } = [];

    internal List<HubEvent> Events { get; } = [];

    protected string Model => Path.Combine(Cache, "models--org--tiny");

    protected string Cache => Settings.CacheFolder;

    protected string Weights => Path.Combine(Model, "blobs", FakeHub.Hash("model.safetensors", Hub.Files["model.safetensors"]));

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal string Find(string id = "org/tiny", Action<HubEvent>? also = null, CancellationToken? cancellation = null)
    {
        var source = ModelSource.Find(id, () => Settings, next =>
        {
            Events.Add(next);
            also?.Invoke(next);
        }, cancellation ?? Cancellation);
        Assert.Equal("tiny", source.Name);
        return source.Folder;
    }

    protected static byte[] Content(int length, int seed)
    {
        byte[] content = new byte[length];
        new Random(seed).NextBytes(content);
        return content;
    }

    /// <summary>Every path below the cache, with what a link says or a file holds.</summary>
    protected Dictionary<string, string> Tree() => new DirectoryInfo(Cache).EnumerateFiles("*", SearchOption.AllDirectories)
        .ToDictionary(file => Path.GetRelativePath(Cache, file.FullName).Replace('\\', '/'), file => file.LinkTarget is { } link ? "-> " + link : Convert.ToHexString(File.ReadAllBytes(file.FullName)));

    public virtual void Dispose()
    {
        Hub.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
