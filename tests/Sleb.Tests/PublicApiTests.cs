using System.Reflection;
using PublicApiGenerator;

namespace Sleb.Tests;

/// <summary>The public API is the approved one: a change of it is a change of data/public-api, seen in review.</summary>
public sealed class PublicApiTests
{
    private static readonly ApiGeneratorOptions Options = new() { IncludeAssemblyAttributes = false, DenyNamespacePrefixes = [] };

    [Theory]
    [InlineData("Sleb.Core")]
    [InlineData("Sleb.Torch")]
    [InlineData("Sleb.Onnx")]
    [InlineData("Sleb.MLNet")]
    public void It_is_the_approved_one(string library)
    {
        string actual = Assembly.Load(library).GeneratePublicApi(Options).ReplaceLineEndings("\n").TrimEnd() + "\n";
        string approved = TestFiles.Data("public-api", $"{library}.txt");
        if (File.Exists(approved) && File.ReadAllText(approved) == actual) return;
        string received = Path.Combine(AppContext.BaseDirectory, $"{library}.received.txt");
        File.WriteAllText(received, actual);
        Assert.Fail($"The public API of {library} differs from {approved}. Compare it with {received}, and copy that over it where the change is meant.");
    }
}
