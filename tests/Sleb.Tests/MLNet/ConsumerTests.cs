using System.Runtime.InteropServices;

namespace Sleb.Tests.MLNet;

/// <summary>What a user's application sees: three native packages, plain ml.Model.Load in a fresh process, nothing disposed.</summary>
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
        Assert.Contains("add the package libtorch-cpu-linux-x64", Fails(consumer.RunWithout("libtorch_cpu.so", fit)), StringComparison.Ordinal);
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
