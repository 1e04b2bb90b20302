using System.Text.Json;

namespace Sleb.Tests;

/// <summary>Does SlebRuntime bring an executable the native libraries of one flavour, and of no other?</summary>
public class FlavourTests
{
    private const string Runtime = "Microsoft.ML.OnnxRuntime", GenAI = "Microsoft.ML.OnnxRuntimeGenAI";

    [Theory]
    [InlineData("", $"{Runtime} {GenAI} libtorch-cpu-linux-x64")]
    [InlineData("-p:SlebRuntime=cuda", $"{Runtime}.Gpu {GenAI}.Cuda TorchSharp-cuda-linux")]
    [InlineData("-p:SlebRuntime=cuda -p:SlebGenAI=cpu -p:SlebTorch=cpu", $"{Runtime}(none) {Runtime}.Gpu {GenAI} libtorch-cpu-linux-x64")]
    public void The_packages_are_those_of_the_flavour(string properties, string expected)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "libtorch's package is another one elsewhere.");
        string project = Path.Combine(TestFiles.Root, "src", "Sleb.Cli", "Sleb.Cli.csproj");
        using var items = JsonDocument.Parse(DotnetProcess.OutputIn(TestFiles.Root,
            ["msbuild", project, "-nologo", "-nodeReuse:false", "-getItem:PackageReference", .. properties.Split(' ', StringSplitOptions.RemoveEmptyEntries)]));
        var natives = items.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray()
            .Select(item => item.GetProperty("Identity").GetString() + (item.TryGetProperty("ExcludeAssets", out _) ? "(none)" : ""))
            .Where(package => package.Contains("onnx", StringComparison.OrdinalIgnoreCase) || package.Contains("torch", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(expected.Split(' ').Order(StringComparer.Ordinal), natives.Order(StringComparer.Ordinal));
    }
}
