using System.Text;
using Sleb.Core.Hub;

namespace Sleb.Tests.Hub;

/// <summary>Does a download bring what a model needs, no more, into the layout that the Python tools read?</summary>
public sealed class HubDownloadTests : HubTest
{
    private static readonly string A = FakeHub.Commit('a');

    [Fact]
    public void The_cache_holds_afterwards_what_the_python_tools_would_have_written()
    {
        string folder = Find();
        Assert.Equal(Path.Combine(Model, "snapshots", A), folder);
        var expected = new Dictionary<string, string> { ["models--org--tiny/refs/main"] = Convert.ToHexString(Encoding.ASCII.GetBytes(A)) };
        foreach (var (name, content) in Hub.Files)
        {
            string blob = FakeHub.Hash(name, content);
            expected[$"models--org--tiny/blobs/{blob}"] = Convert.ToHexString(content);
            expected[$"models--org--tiny/snapshots/{A}/{name}"] = $"-> ../../blobs/{blob}";
            expected[$".locks/models--org--tiny/{blob}.lock"] = "";
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(folder, name)));
        }
        Assert.Equal(expected.OrderBy(pair => pair.Key), Tree().OrderBy(pair => pair.Key));
    }

    [Fact]
    public void It_says_what_and_how_much_before_and_how_far_it_is()
    {
        long total = Hub.Files.Sum(file => file.Value.Length);
        int announcedAfter = -1;
        Find(also: next =>
        {
            if (next is HubEvent.Planned) announcedAfter = Hub.Requests.Count(request => request.Method == "GET" && request.Path.Contains("/resolve/"));
        });
        Assert.Equal(0, announcedAfter);
        Assert.Equal(new HubEvent.Planned(new("org", "tiny", "main"), A, Hub.Endpoint, Cache, 5, total, 0), Events[0]);
        Assert.IsType<HubEvent.Finished>(Events[^1]);
        var advanced = Events[1..^1].Cast<HubEvent.Advanced>().ToList();
        Assert.True(advanced.Count >= 8); // 500 kB come in several pieces
        Assert.Equal(advanced.Select(at => at.Bytes).Order(), advanced.Select(at => at.Bytes));
        Assert.Equal((total, total), (advanced[^1].Bytes, advanced[^1].Total));
        Assert.Equal("model.safetensors", advanced[^1].File); // weights last: what has them has all
    }

    [Fact]
    public void A_second_call_asks_nobody()
    {
        string folder = Find();
        int before = Hub.Requests.Count + Hub.StorageRequests.Count;
        Assert.True(before > 0);
        Events.Clear();
        Assert.Equal(folder, Find());
        Settings = Settings with { Offline = true };
        Assert.Equal(folder, Find($"org/tiny@{A}"));
        Assert.Equal(before, Hub.Requests.Count + Hub.StorageRequests.Count);
        Assert.Empty(Events);
    }

    [Fact]
    public void Only_what_a_model_needs_is_fetched_and_never_code()
    {
        string[] needed = [.. Hub.Files.Keys, "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "merges.txt", "vocab.json", "tokenizer.model", "LICENSE.md", "NOTICE", "USE_POLICY.md"];
        foreach (string name in (string[])
        [
            .. needed, "README.md", ".gitattributes", "modeling_tiny.py", "LICENSE.py", "consolidated.safetensors", "consolidated.00.pth", "pytorch_model.bin",
            "original/params.json", "onnx/model.onnx", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model.fp16.safetensors", "training_args.bin",
        ]) Hub.Files.TryAdd(name, Encoding.UTF8.GetBytes(name));
        string folder = Find();
        Assert.Equal(needed.Order(StringComparer.Ordinal), Hub.FilesAskedFor);
        Assert.Equal(needed.Order(StringComparer.Ordinal), Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Shards_are_those_that_the_index_names()
    {
        Hub.Files.Remove("model.safetensors");
        Hub.Files["model.safetensors.index.json"] = """{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors","c":"model-1.safetensors"}}"""u8.ToArray();
        foreach (string name in (string[])["model-1.safetensors", "model-2.safetensors", "consolidated-1.safetensors"]) Hub.Files[name] = Content(1000, name.Length + name[6]);
        string folder = Find();
        Assert.Equal(["LICENSE", "config.json", "generation_config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json", "tokenizer.json"], Hub.FilesAskedFor);
        var planned = Assert.Single(Events.OfType<HubEvent.Planned>());
        Assert.Equal(6, planned.Files); // the index, which tells what there is, was needed before
        Assert.Equal(Hub.Files["model-2.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model-2.safetensors")));
    }

    [Theory]
    [InlineData("v2", "v2")]
    [InlineData("refs/pr/7", "refs/pr/7")]
    [InlineData("bbbbbbbb", "bbbbbbbb")]
    [InlineData("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", null)]
    public void A_revision_is_a_branch_a_tag_or_a_commit_and_files_in_common_come_once(string revision, string? reference)
    {
        string b = FakeHub.Commit('b');
        Hub.Commits[b] = new(Hub.Files) { ["config.json"] = "{ }"u8.ToArray() };
        Hub.References["v2"] = Hub.References["refs/pr/7"] = Hub.References["bbbbbbbb"] = b;
        Find();
        int before = Hub.StorageRequests.Count;
        string folder = Find($"org/tiny@{revision}");
        Assert.Equal(Path.Combine(Model, "snapshots", b), folder);
        Assert.Equal("{ }", File.ReadAllText(Path.Combine(folder, "config.json")));
        Assert.Equal(before, Hub.StorageRequests.Count); // the weights are the same blob
        Assert.Equal(1, Events.OfType<HubEvent.Planned>().Last().Files);
        string[] references = [.. Directory.GetFiles(Path.Combine(Model, "refs"), "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Path.Combine(Model, "refs"), path)).Order()];
        Assert.Equal([.. new[] { "main", reference }.OfType<string>().Order()], references);
        if (reference is not null) Assert.Equal(b, File.ReadAllText(Path.Combine(Model, "refs", reference)));
        Hub.Dispose();
        Assert.Equal(folder, Find($"org/tiny@{revision}"));
    }

    [Fact]
    public void The_token_goes_to_the_endpoint_alone()
    {
        Hub.Open = false;
        Settings = Settings with { Token = "hf_secret" };
        Find();
        Assert.All(Hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Authorization));
        Assert.All(Hub.StorageRequests, request => Assert.Null(request.Authorization));
        Assert.NotEmpty(Hub.StorageRequests);
    }

    [Fact]
    public void Size_and_hash_may_stand_behind_a_redirect_on_the_same_host()
    {
        Hub.RedirectsSmallFiles = true;
        Hub.Open = false;
        Settings = Settings with { Token = "hf_secret" }; // which such a redirect needs too
        string folder = Find();
        Assert.Equal(Hub.Files["config.json"], File.ReadAllBytes(Path.Combine(folder, "config.json")));
        Assert.Contains(Hub.Requests, request => request.Path.StartsWith("/moved/", StringComparison.Ordinal));
    }

    [Fact]
    public void Where_links_are_not_allowed_the_snapshot_holds_copies()
    {
        Settings = Settings with { CreateLink = (_, _) => throw new IOException("A required privilege is not held by the client.") };
        string folder = Find();
        Assert.All(Hub.Files, file =>
        {
            string path = Path.Combine(folder, file.Key);
            Assert.Null(new FileInfo(path).LinkTarget);
            Assert.Equal(file.Value, File.ReadAllBytes(path));
        });
        Assert.Equal(Hub.Files.Count, Directory.GetFiles(folder).Length);
        Assert.Equal(folder, Find());
    }
}
