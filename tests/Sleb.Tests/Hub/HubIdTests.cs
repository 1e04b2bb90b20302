using Sleb.Core.Hub;

namespace Sleb.Tests.Hub;

/// <summary>Is an id told from a path?</summary>
public class HubIdTests
{
    [Theory]
    [InlineData("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB", "SmolLM2-135M", "main")]
    [InlineData("org/tiny_model.v1@v1.0", "org", "tiny_model.v1", "v1.0")]
    [InlineData("org/x@refs/pr/12", "org", "x", "refs/pr/12")]
    [InlineData("0-hero/1@0123456789012345678901234567890123456789", "0-hero", "1", "0123456789012345678901234567890123456789")]
    public void An_id_has_an_organization_a_name_and_a_revision(string text, string organization, string name, string revision)
    {
        Assert.Equal(new HubId(organization, name, revision), HubId.TryParse(text));
        Assert.Equal(text, HubId.TryParse(text)!.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpt2")]
    [InlineData("./org/name")]
    [InlineData("../name")]
    [InlineData("org/..")]
    [InlineData("/org/name")]
    [InlineData("org/name/")]
    [InlineData("org/name/more")]
    [InlineData("org\\name")]
    [InlineData("C:/name")]
    [InlineData("~/name")]
    [InlineData("org/na me")]
    [InlineData("org/name\n")]
    [InlineData("org/a--b")] // the cache's own separator
    [InlineData("org/.hidden")]
    [InlineData("org/nämé")]
    [InlineData("org/name@")]
    [InlineData("org/name@../../../x")]
    [InlineData("org/name@/etc")]
    [InlineData("org/name@a//b")]
    [InlineData("org/name@a/.b")]
    [InlineData("org/name@a\\b")]
    [InlineData("org/name@main\n")]
    [InlineData("@main")]
    public void Anything_else_is_a_path(string text) => Assert.Null(HubId.TryParse(text));

    [Fact]
    public void A_path_that_exists_is_no_id()
    {
        using var folder = new TemporaryFolder();
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, folder.Path);
        Assert.True(ModelSource.IsId("org/name"));
        Assert.False(ModelSource.IsId("bin/sh") && Path.Exists("bin/sh"));
        Assert.Equal(relative, ModelSource.Find(relative, () => throw new InvalidOperationException("No hub is needed."), null, default).Folder);
    }

    [Theory]
    [InlineData("models/tiny-novels/", "tiny-novels")]
    [InlineData("/cache/models--org--tiny-novels/snapshots/0123456789012345678901234567890123456789", "tiny-novels")]
    [InlineData("/cache/models--gpt2/snapshots/0123456789", "gpt2")]
    [InlineData("/work/snapshots/first", "first")]
    public void A_model_is_named_after_its_folder_and_a_snapshot_after_its_model(string folder, string name) =>
        Assert.Equal(name, ModelSource.NameOf(folder));
}
