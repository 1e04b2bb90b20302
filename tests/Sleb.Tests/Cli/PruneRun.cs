namespace Sleb.Tests.Cli;

/// <summary>One main job on the embedded model, small enough for a test, in a folder of its own.</summary>
internal sealed class PruneRun : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Folder => _folder.Path;

    public string Out => _folder["out"];

    public string RunFolder => _folder["run"];

    public string Plan => Path.Combine(RunFolder, "plan.json");

    /// <summary>The trace's lines, but for the one with the blocks' times.</summary>
    public string[] Losses => [.. File.ReadAllLines(Path.Combine(RunFolder, "run.jsonl")).Where(line => !line.Contains("\"blocks\":{", StringComparison.Ordinal))];

    /// <summary>Four windows of 128 tokens decide; that is enough work to be interrupted in.</summary>
    public string[] Args(int remove, params string[] more) =>
    [
        "prune", TestFiles.TinyNovels, "--remove", $"{remove}", "--windows", "4", "--sequence-length", "128", "--evaluation-windows", "2",
        "--run", RunFolder, .. more.Contains("--plan-only") ? [] : (string[])["--out", Out], .. more,
    ];

    public CliResult Prune(int remove, params string[] more) => SlebCli.Run(Args(remove, more));

    public void Dispose() => _folder.Dispose();
}
