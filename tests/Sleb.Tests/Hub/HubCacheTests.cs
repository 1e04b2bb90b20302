using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Hub;

/// <summary>Is a cache as the Python tools leave it found, and without a question to anybody?</summary>
public sealed class HubCacheTests : HubTest
{
    private static readonly string Commit = FakeHub.Commit('c');

    [Theory]
    [InlineData("org/tiny")]
    [InlineData("org/tiny@main")]
    [InlineData("org/tiny@v1.0")]
    [InlineData("org/tiny@refs/pr/1")]
    [InlineData("org/tiny@cccccccccccccccccccccccccccccccccccccccc")]
    public void A_model_is_found_by_branch_tag_and_commit(string id)
    {
        MakeSnapshot(TestFiles.TinyNovels);
        foreach (string revision in (string[])["main", "v1.0", "refs/pr/1"]) WriteReference(revision, Commit);
        string folder = Find(id);
        Assert.Equal(Path.Combine(Model, "snapshots", Commit), folder);
        Assert.Empty(Hub.Requests);
        Assert.Empty(Events);
        using var checkpoint = Checkpoint.Open(folder);
        Assert.Equal(5_116_608, checkpoint.Parameters);
        using var original = Checkpoint.Open(TestFiles.TinyNovels);
        Assert.Equal(original.Fingerprint, checkpoint.Fingerprint);
    }

    [Fact]
    public void Shards_are_found_and_one_that_is_missing_is_noticed()
    {
        MakeSnapshot(TestFiles.Data("conformance", "llama-sharded-bf16"), withTokenizer: true);
        WriteReference("main", Commit);
        Settings = Settings with { Offline = true };
        string folder = Find();
        using (var checkpoint = Checkpoint.Open(folder)) Assert.True(checkpoint.Files.Count > 1);
        string shard = Directory.GetFiles(folder, "*.safetensors")[0];
        File.Delete(Path.GetFullPath(Path.Combine(folder, new FileInfo(shard).LinkTarget!))); // a link that points nowhere
        Assert.Contains("is not in the cache", Assert.Throws<CheckpointException>(() => Find()).Message);
    }

    [Fact]
    public void Files_may_be_copies_as_on_a_system_without_links()
    {
        Directory.CreateDirectory(Path.Combine(Model, "snapshots", Commit));
        foreach (string file in Directory.GetFiles(TestFiles.TinyNovels)) File.Copy(file, Path.Combine(Model, "snapshots", Commit, Path.GetFileName(file)));
        WriteReference("main", Commit + "\n");
        Assert.EndsWith(Commit, Find());
        Assert.Empty(Hub.Requests);
    }

    [Fact]
    public void A_cached_branch_stays_what_it_was_when_the_hub_moves_on()
    {
        MakeSnapshot(TestFiles.TinyNovels);
        WriteReference("main", Commit);
        Assert.EndsWith(Commit, Find()); // the hub's main is another commit
        Assert.Empty(Hub.Requests);
    }

    [Fact]
    public void A_model_that_was_fetched_without_its_tokenizer_gets_it()
    {
        string a = FakeHub.Commit('a');
        MakeFile(a, "config.json", Hub.Files["config.json"]);
        MakeFile(a, "model.safetensors", Hub.Files["model.safetensors"]);
        WriteReference("main", a);
        Hub.References["main"] = FakeHub.Commit('b'); // moved on, which must not bring another model now
        string folder = Find();
        Assert.True(File.Exists(Path.Combine(folder, "tokenizer.json")));
        Assert.Equal(["LICENSE", "generation_config.json", "tokenizer.json"], Hub.FilesAskedFor);
        Assert.Equal(a, File.ReadAllText(Path.Combine(Model, "refs", "main")));
    }

    [Fact]
    public void A_model_without_tokenizer_is_asked_for_once_and_used_as_it_is_where_nobody_answers()
    {
        string a = FakeHub.Commit('a');
        MakeFile(a, "config.json", Hub.Files["config.json"]);
        MakeFile(a, "model.safetensors", Hub.Files["model.safetensors"]);
        WriteReference("main", a);
        string endpoint = Settings.Endpoint;
        Settings = Settings with { Endpoint = $"http://127.0.0.1:{FakeServer.FreePort()}" };
        Assert.EndsWith(a, Find());
        Assert.Empty(Pauses);
        Settings = Settings with { Endpoint = endpoint };
        Hub.Files.Remove("tokenizer.json");
        Assert.EndsWith(a, Find());
        int asked = Hub.Requests.Count;
        Assert.NotEqual(0, asked);
        Assert.EndsWith(a, Find());
        Assert.Equal(asked, Hub.Requests.Count);
        Assert.Empty(File.ReadAllBytes(Path.Combine(Model, ".no_exist", a, "tokenizer.json"))); // where Python notes it
    }

    private void MakeSnapshot(string model, bool withTokenizer = false)
    {
        foreach (string file in Directory.GetFiles(model)) MakeFile(Commit, Path.GetFileName(file), File.ReadAllBytes(file));
        if (withTokenizer) MakeFile(Commit, "tokenizer.json", "{}"u8.ToArray());
    }

    private void MakeFile(string commit, string name, byte[] content)
    {
        string blob = FakeHub.Hash(name, content), snapshot = Path.Combine(Model, "snapshots", commit);
        Directory.CreateDirectory(Path.Combine(Model, "blobs"));
        Directory.CreateDirectory(snapshot);
        File.WriteAllBytes(Path.Combine(Model, "blobs", blob), content);
        File.CreateSymbolicLink(Path.Combine(snapshot, name), $"../../blobs/{blob}");
    }

    private void WriteReference(string revision, string commit)
    {
        string path = Path.Combine(Model, "refs", revision);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, commit);
    }
}
