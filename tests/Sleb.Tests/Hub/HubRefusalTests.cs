using System.Net;
using System.Text;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Hub;

/// <summary>Does a person learn in a sentence why there is no model, and what to do?</summary>
public sealed class HubRefusalTests : HubTest
{
    private string Host => new Uri(Hub.Endpoint).Authority;

    [Fact]
    public void A_gated_model_needs_a_token()
    {
        Hub.Open = false;
        AssertRefused($"org/tiny is gated (HTTP 401): accept the terms at {Hub.Endpoint}/org/tiny, and set HF_TOKEN to a token of that account.");
        Settings = Settings with { Token = "hf_secret" };
        Hub.Intercept = context => context.Request.RawUrl!.Contains("/resolve/") && Refuse(context, 403, "GatedRepo");
        AssertRefused($"org/tiny is gated, and the token's account may not read it (HTTP 403): accept the terms at {Hub.Endpoint}/org/tiny with that account, then try again.");
    }

    [Theory]
    [InlineData(401, null, null, "{0} shows no model org/tiny without a token (HTTP 401), and there is no folder of that name: check the name; for a private or gated model set HF_TOKEN.")]
    [InlineData(401, null, "hf_secret", "{0} shows no model org/tiny to this token (HTTP 401), and there is no folder of that name: check the name, and HF_TOKEN.")]
    [InlineData(403, null, "hf_secret", "{0} refuses org/tiny (HTTP 403): it may be gated, so accept its terms at http://{0}/org/tiny, and set HF_TOKEN to a token that may read it.")]
    [InlineData(404, null, null, "{0} has no model org/tiny, or no revision 'main' of it (HTTP 404), and there is no folder of that name: check the name.")]
    [InlineData(404, "RevisionNotFound", null, "org/tiny at {0} has no revision 'main' (HTTP 404); give a branch, a tag or a whole commit hash that http://{0}/org/tiny shows.")]
    [InlineData(418, null, null, "{0} answered HTTP 418 for org/tiny; check HF_ENDPOINT.")]
    public void What_the_hub_refuses_is_said(int status, string? code, string? token, string sentence)
    {
        Settings = Settings with { Token = token };
        Hub.Intercept = context => Refuse(context, status, code);
        AssertRefused(string.Format(null, sentence, Host));
        Assert.Single(Hub.Requests);
    }

    [Fact]
    public void No_such_revision_and_no_such_file()
    {
        var e = Assert.Throws<CheckpointException>(() => Find("org/tiny@v9"));
        Assert.Contains("has no revision 'v9' (HTTP 404)", e.Message);
        Hub.Intercept = context => context.Request.RawUrl!.EndsWith("/LICENSE", StringComparison.Ordinal) && Refuse(context, 404, "EntryNotFound");
        AssertRefused($"{Host} lists LICENSE in org/tiny, but does not have it (HTTP 404); try again, or give another revision.");
    }

    [Fact]
    public void A_repository_without_safetensors_is_refused()
    {
        Hub.Files.Remove("model.safetensors");
        Hub.Files["consolidated.safetensors"] = Hub.Files["pytorch_model.bin"] = [1];
        AssertRefused("The repository org/tiny holds neither model.safetensors nor model.safetensors.index.json; only safetensors weights are read, so give the id of a conversion that has them.");
        Hub.Files.Remove("config.json");
        AssertRefused("The repository org/tiny holds no config.json, so it is no model that can be read; give the id of a model with safetensors weights.");
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public void Nobody_there_is_said_at_once()
    {
        int port = FakeServer.FreePort();
        Settings = Settings with { Endpoint = $"http://127.0.0.1:{port}" };
        var e = Assert.Throws<IOException>(() => Find());
        Assert.StartsWith($"There is no folder org/tiny and no such model in the cache {Cache}, and 127.0.0.1:{port} cannot be reached (", e.Message);
        Assert.EndsWith("); check the network, or HF_ENDPOINT.", e.Message);
        Assert.Empty(Pauses);
    }

    [Fact]
    public void Offline_nobody_is_asked()
    {
        Settings = Settings with { Offline = true };
        AssertRefused($"There is no folder org/tiny, and the model org/tiny is not in the cache {Cache}, or not whole; without --offline (Offline = true, HF_HUB_OFFLINE) it is downloaded.");
        Assert.Empty(Hub.Requests);
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public void Too_little_space_is_known_before()
    {
        Settings = Settings with { FreeSpace = _ => 400_000 };
        var e = Assert.Throws<IOException>(() => Find());
        Assert.StartsWith("The download needs 500,", e.Message);
        Assert.EndsWith($" bytes in {Cache}, where 400,000 are free; free some, or set HF_HUB_CACHE to another disk.", e.Message);
        Assert.Empty(Hub.StorageRequests);
    }

    [Fact]
    public void A_disk_that_fills_up_is_said()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is of Linux.");
        Directory.CreateDirectory(Path.GetDirectoryName(Weights)!);
        File.CreateSymbolicLink(Weights + ".incomplete", "/dev/full");
        var e = Assert.Throws<IOException>(() => Find());
        Assert.StartsWith($"The disk of {Cache} is full; free some space, or set HF_HUB_CACHE to another disk.", e.Message);
        Assert.False(File.Exists(Weights));
    }

    [Theory]
    [InlineData("../../escape.safetensors", "which is not a .safetensors file in the folder itself")]
    [InlineData("code.py", "which is not a .safetensors file in the folder itself")]
    [InlineData("model-3.safetensors", "lacks the shard model-3.safetensors that its model.safetensors.index.json names")]
    public void An_index_names_shards_of_the_repository_and_nothing_else(string shard, string sentence)
    {
        Hub.Files.Remove("model.safetensors");
        Hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes($"{{\"weight_map\":{{\"a\":\"{shard}\"}}}}");
        Hub.Files["code.py"] = [1];
        Assert.Contains(sentence, Assert.Throws<CheckpointException>(() => Find()).Message);
        Assert.DoesNotContain("code.py", Hub.FilesAskedFor);
    }

    [Theory]
    [InlineData("""{"sha":"../../../../x","siblings":[{"rfilename":"config.json"}]}""")]
    [InlineData("""{"sha":"aaaa"}""")]
    [InlineData("""{"sha":1,"siblings":[]}""")]
    [InlineData("[]")]
    [InlineData("<html>")]
    [InlineData("")]
    public void A_description_that_is_none_is_refused(string answer)
    {
        Hub.Intercept = context =>
        {
            FakeHub.Send(context, Encoding.UTF8.GetBytes(answer));
            return true;
        };
        AssertRefused($"{Hub.Endpoint}/api/models/org/tiny/revision/main answers with something that is no description of a model; check HF_ENDPOINT.");
        Assert.False(Directory.Exists(Cache));
    }

    [Theory]
    [InlineData("\"../../../x\"")]
    [InlineData("\"d41d8cd98f00b204e9800998ecf8427e\"")]
    [InlineData(null)]
    public void A_file_that_cannot_be_checked_is_refused(string? etag)
    {
        Hub.Intercept = context =>
        {
            if (context.Request.HttpMethod != "HEAD") return false;
            if (etag is not null) context.Response.AddHeader("ETag", etag);
            FakeHub.Send(context, new byte[10]);
            return true;
        };
        Assert.Contains("comes without an ETag that is a hash", Assert.Throws<CheckpointException>(() => Find()).Message);
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public void Redirects_end()
    {
        Hub.Intercept = context =>
        {
            context.Response.Redirect(Hub.Endpoint + "/again");
            context.Response.Close();
            return true;
        };
        AssertRefused($"{Host} redirects more than 10 times; check HF_ENDPOINT.");
        Assert.Equal(11, Hub.Requests.Count);
    }

    [Theory]
    [InlineData("not an address")]
    [InlineData("ftp://example.org")]
    public void An_endpoint_that_is_no_address_is_named(string endpoint)
    {
        Settings = Settings with { Endpoint = endpoint };
        Assert.Equal($"HF_ENDPOINT is '{endpoint}'; an address such as https://huggingface.co is expected.", Assert.Throws<InvalidOperationException>(() => Find()).Message);
    }

    [Fact]
    public void A_token_that_is_none_is_not_repeated()
    {
        Settings = Settings with { Token = "hf_sécret" };
        Assert.Equal("HF_TOKEN (or the token file) holds characters that no token has; copy it again.", Assert.Throws<InvalidOperationException>(() => Find()).Message);
    }

    private static bool Refuse(HttpListenerContext context, int status, string? code)
    {
        FakeHub.Refuse(context, status, code);
        return true;
    }

    private void AssertRefused(string sentence) => Assert.Equal(sentence, Assert.Throws<CheckpointException>(() => Find()).Message);
}
