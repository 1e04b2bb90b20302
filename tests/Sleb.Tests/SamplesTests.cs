using System.Diagnostics;

namespace Sleb.Tests;

/// <summary>The samples print what their last lines say.</summary>
public sealed class SamplesTests
{
    [Fact]
    public void Each_sample_ends_in_its_expected_output()
    {
        using var folder = new TemporaryFolder();
        string model = folder["models", "tiny-novels"];
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(TestFiles.TinyNovels)) File.Copy(file, Path.Combine(model, Path.GetFileName(file)));

        Assert.Equal(ExpectedOutput("PruneAndSave.cs"), Run(folder.Path, "prune"));
        Assert.Equal(ExpectedOutput("ApplyInProduction.cs"), Run(folder.Path, "apply"));
        Assert.Equal(ExpectedOutput("ChooseByExperiment.cs"), Run(folder.Path, "experiment"));
    }

    private static string ExpectedOutput(string sample)
    {
        string[] lines = File.ReadAllLines(Path.Combine(TestFiles.Root, "samples", "Sleb.Samples", sample));
        int start = Array.IndexOf(lines, "// Expected output:") + 1;
        Assert.InRange(start, 1, lines.Length - 1);
        return string.Concat(lines[start..].Select(line => line["// ".Length..] + "\n"));
    }

    private static string Run(string workingFolder, string sample)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Sleb.Samples.dll"), sample])
        {
            WorkingDirectory = workingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.GetAwaiter().GetResult());
        return output.ReplaceLineEndings("\n");
    }
}
