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

        Assert.Equal(ExpectedOutput("PruneAndSave.cs"), RunSample(folder.Path, "prune"));
        Assert.Equal(ExpectedOutput("ApplyInProduction.cs"), RunSample(folder.Path, "apply"));
        Assert.Equal(ExpectedOutput("ChooseByExperiment.cs"), RunSample(folder.Path, "experiment"));
    }

    [Fact]
    public void The_single_file_runs()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "samples/prune.cs names Linux's libtorch.");
        using var folder = new TemporaryFolder();
        string model = folder["models", "tiny-novels"];
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(TestFiles.TinyNovels)) File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        string[] lines = DotnetProcess.OutputIn(folder.Path, "run", Path.Combine(TestFiles.Root, "samples", "prune.cs")).TrimEnd().Split('\n');
        Assert.StartsWith("Block ", lines[0], StringComparison.Ordinal);
        Assert.Matches(@"^Perplexity \d+\.\d\d dense, \d+\.\d\d without them$", lines[2]);
    }

    private static string ExpectedOutput(string sample)
    {
        string[] lines = File.ReadAllLines(Path.Combine(TestFiles.Root, "samples", "Sleb.Samples", sample));
        int start = Array.IndexOf(lines, "// Expected output:") + 1;
        Assert.InRange(start, 1, lines.Length - 1);
        return string.Concat(lines[start..].Select(line => line["// ".Length..] + "\n"));
    }

    private static string RunSample(string workingFolder, string sample) => DotnetProcess.OutputIn(workingFolder, Path.Combine(AppContext.BaseDirectory, "Sleb.Samples.dll"), sample);
}
