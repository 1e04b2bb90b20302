using System.Text.Json;

namespace Sleb.Tests.Cli;

/// <summary>What a script sees of one call.</summary>
internal sealed record CliResult(int ExitCode, string Out, string Error)
{
    /// <summary>Standard output as the one document of <c>--json</c>, of a call that succeeded.</summary>
    public JsonElement Json
    {
        get
        {
            Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}");
            Assert.EndsWith("}\n", Out);
            return JsonDocument.Parse(Out).RootElement; // refuses anything behind the document
        }
    }

    public IEnumerable<string> Keys => Json.EnumerateObject().Select(property => property.Name);

    /// <summary>The call was wrong in the way <paramref name="sentence"/> says.</summary>
    public void AssertWrongCall(string sentence, string usage)
    {
        Assert.Equal((2, ""), (ExitCode, Out));
        Assert.Equal($"error: {sentence}", Lines(Error)[0]);
        Assert.StartsWith($"usage: {usage}", Lines(Error)[1]);
        Assert.Equal(2, Lines(Error).Length);
    }

    /// <summary>The call failed with one sentence and nothing else.</summary>
    public void AssertFailed(params string[] parts)
    {
        Assert.Equal(1, ExitCode);
        string line = Assert.Single(Lines(Error), each => !each.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.StartsWith("error: ", line);
        foreach (string part in parts) Assert.Contains(part, line);
    }

    public static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
