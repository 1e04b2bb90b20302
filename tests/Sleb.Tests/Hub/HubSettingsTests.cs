using Sleb.Core.Hub;

namespace Sleb.Tests.Hub;

/// <summary>Do the environment variables mean what they mean to the Python tools?</summary>
public class HubSettingsTests
{
    private static readonly string User = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    [Fact]
    public void Without_any_the_cache_is_in_the_users_folder_and_the_hub_is_hugging_face()
    {
        var settings = From();
        Assert.Equal("https://huggingface.co", settings.Endpoint);
        Assert.Equal(Path.Combine(User, ".cache", "huggingface", "hub"), settings.CacheFolder);
        Assert.False(settings.Offline);
    }

    [Fact]
    public void The_narrower_variable_wins()
    {
        Assert.Equal("/a/huggingface/hub", From("XDG_CACHE_HOME=/a").CacheFolder);
        Assert.Equal("/b/hub", From("XDG_CACHE_HOME=/a", "HF_HOME=/b").CacheFolder);
        Assert.Equal("/c", From("HF_HOME=/b", "HUGGINGFACE_HUB_CACHE=/c").CacheFolder);
        Assert.Equal("/d", From("HF_HOME=/b", "HUGGINGFACE_HUB_CACHE=/c", "HF_HUB_CACHE=/d").CacheFolder);
        Assert.Equal(Path.Combine(User, "models", "hub"), From("HF_HOME=~/models").CacheFolder);
        Assert.Equal("/b/hub", From("HF_HOME=/b", "HF_HUB_CACHE=").CacheFolder);
    }

    [Fact]
    public void The_token_comes_from_the_variable_else_from_the_file()
    {
        using var home = new TemporaryFolder();
        Assert.Null(From($"HF_HOME={home.Path}").Token);
        File.WriteAllText(home["token"], "hf_file\n");
        Assert.Equal("hf_file", From($"HF_HOME={home.Path}").Token);
        Assert.Equal("hf_variable", From($"HF_HOME={home.Path}", "HF_TOKEN= hf_variable\r\n").Token);
        File.WriteAllText(home["other"], "hf_other");
        Assert.Equal("hf_other", From($"HF_HOME={home.Path}", $"HF_TOKEN_PATH={home["other"]}").Token);
    }

    [Theory]
    [InlineData("HF_HUB_OFFLINE=1", true)]
    [InlineData("HF_HUB_OFFLINE=true", true)]
    [InlineData("TRANSFORMERS_OFFLINE=YES", true)]
    [InlineData("HF_HUB_OFFLINE=0", false)]
    public void Offline_is_a_variable_too(string variable, bool offline)
    {
        Assert.Equal(offline, From(variable).Offline);
        Assert.True(HubSettings.FromEnvironment(_ => null, offline: true).Offline);
    }

    [Fact]
    public void An_endpoint_may_end_in_a_slash() => Assert.Equal("http://mirror/hf", From("HF_ENDPOINT=http://mirror/hf/").Endpoint);

    private static HubSettings From(params string[] variables)
    {
        var environment = variables.Select(text => text.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return HubSettings.FromEnvironment(environment.GetValueOrDefault, offline: false);
    }
}
