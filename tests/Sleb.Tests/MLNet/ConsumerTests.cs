using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Sleb.Tests.MLNet;

/// <summary>What a user's application sees: two packages, plain ml.Model.Load in a fresh process, nothing disposed.</summary>
public sealed class ConsumerTests(ConsumerProject consumer) : IClassFixture<ConsumerProject>
{
    [Fact]
    public void A_fresh_process_loads_what_another_one_pruned_and_says_the_same()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "The project references libtorch for linux-x64.");
        using var folder = new TemporaryFolder();
        string zip = folder["pruned.zip"], model = folder["tiny-minus-1"];
        string[] fit = ["fit", TestFiles.TinyNovels, Path.Combine(TestFiles.TinyNovels, "calibration.txt"), model, zip];

        string pruned = Succeeds(consumer.Run(fit));
        Assert.EndsWith("torch True\n", pruned, StringComparison.Ordinal);
        string loaded = Succeeds(consumer.Run("load", zip));
        Assert.EndsWith("torch False\n", loaded, StringComparison.Ordinal);
        Assert.Equal(pruned.Replace("torch True", "torch False", StringComparison.Ordinal), loaded);
        Assert.Matches("completion .+\nscore [0-9.]+\n", loaded);

        // Scoring needs no libtorch; pruning says which package brings it. The same for what scoring needs.
        Assert.Equal(loaded, Succeeds(consumer.RunWithout("libtorch_cpu.so", "load", zip)));
        Assert.Contains("add the package libtorch-cpu-linux-x64 (or TorchSharp-cuda-linux) to the application's project, or Sleb.MLNet.Cpu (or Sleb.MLNet.Cuda), which brings all it needs.", Fails(consumer.RunWithout("libtorch_cpu.so", fit)), StringComparison.Ordinal);
        Assert.Contains("add the package Microsoft.ML.OnnxRuntimeGenAI ", Fails(consumer.RunWithout("libonnxruntime-genai.so", "load", zip)), StringComparison.Ordinal);
        Assert.Contains("add the package Microsoft.ML.OnnxRuntime ", Fails(consumer.RunWithout("libonnxruntime.so", "load", zip)), StringComparison.Ordinal);

        // The folder moves: found by its name in the current directory or under SLEB_MODEL_ROOT, else the places are listed.
        string elsewhere = folder["models"];
        Directory.CreateDirectory(elsewhere);
        Directory.Move(model, Path.Combine(elsewhere, "tiny-minus-1"));
        string missing = Fails(consumer.Run("load", zip));
        foreach (string place in new[] { Path.Combine(consumer.Output, "tiny-minus-1"), Path.Combine(consumer.WorkingFolder, "tiny-minus-1"), model })
            Assert.Contains($"{place} (not there)", missing, StringComparison.Ordinal);
        consumer.ModelRoot = elsewhere;
        Assert.Equal(loaded, Succeeds(consumer.Run("load", zip)));
        File.AppendAllText(Path.Combine(elsewhere, "tiny-minus-1", "tokenizer.json"), "\n");
        Assert.Contains("(another model: fingerprint ", Fails(consumer.Run("load", zip)), StringComparison.Ordinal);
        consumer.ModelRoot = null;
    }

    [Fact]
    public void The_feed_holds_every_package_and_its_tool_does_the_main_job()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "The tool is packed with libtorch for linux-x64.");
        string[] packages = ["sleb", "Sleb.Core", "Sleb.MLNet", "Sleb.MLNet.Cpu", "Sleb.MLNet.Cuda", "Sleb.Onnx", "Sleb.Torch"];
        Assert.Equal(packages, Packed("*.nupkg"));
        Assert.Equal(packages.Where(name => !name.StartsWith("Sleb.MLNet.", StringComparison.Ordinal)), Packed("*.snupkg"));
        foreach (string package in Directory.GetFiles(consumer.Feed, "*.nupkg"))
        {
            using var zip = ZipFile.OpenRead(package);
            Assert.All(["README.md", "icon.png"], file => Assert.NotNull(zip.GetEntry(file)));
            using var reader = new StreamReader(zip.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open());
            Assert.Contains("<license type=\"expression\">MIT</license>", reader.ReadToEnd(), StringComparison.Ordinal);
        }

        string tool = consumer.InstallTool();
        Assert.Contains("ONNX Runtime GenAI 0.18.0", Succeeds(consumer.Run(tool, ["doctor"])), StringComparison.Ordinal);
        string output = Succeeds(consumer.Run(tool, ["prune", TestFiles.TinyNovels, "--remove", "1", "--windows", "1", "--sequence-length", "64", "--evaluation-windows", "1", "--out", "minus-1"]));
        Assert.Contains("Removed ", output, StringComparison.Ordinal);
        Assert.NotEmpty(Succeeds(consumer.Run(tool, ["generate", "minus-1", "--prompt", "The door opened, and"])));

        IEnumerable<string> Packed(string pattern) => Directory.GetFiles(consumer.Feed, pattern)
            .Select(file => Path.GetFileName(file).Split(".0.0.1-test")[0]).Order(StringComparer.OrdinalIgnoreCase);
    }

    private static string Succeeds((int ExitCode, string Output) run)
    {
        Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}: {run.Output}");
        return run.Output;
    }

    private static string Fails((int ExitCode, string Output) run)
    {
        Assert.True(run.ExitCode != 0, run.Output);
        return run.Output;
    }
}
