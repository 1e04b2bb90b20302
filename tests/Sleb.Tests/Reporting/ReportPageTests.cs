using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Sleb.MLNet.Reporting;

namespace Sleb.Tests.Reporting;

/// <summary>The report as a browser shows it: Debian's Chromium, from disk, on a phone and on a desk, by day and by night.</summary>
public sealed class ReportPageTests : IAsyncLifetime
{
    private static readonly string? Chromium = new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    private readonly InventedRun _run = new("a run with a name of some length", evaluated: true), _other = new("other", withLosses: false);
    private readonly TemporaryFolder _folder = new();
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    private static readonly PromptAnswer Answer = new([new("The", null), .. ((double[])[0.1, 0.7, 1.5, 3, 6, 12]).Select((loss, i) => new PromptAnswer.Token($" word{i}", loss))], 2);

    private static readonly ReportBench Bench = new("a machine, 4 cores", PromptTokens: 256, NewTokens: 128, Runs: 5, BatchSize: 1,
        [new("out/dense", 10_000_000, 1000, 100, 0.01, 1, 20.5), new("out/minus-2", 8_000_000, 1250, 125, 0.02, 1.25, 24)]);

    private string Page => new Uri(_folder["report.html"]).AbsoluteUri;

    public async ValueTask InitializeAsync()
    {
        File.WriteAllText(_folder["report.html"], HtmlReport.Write([ReportRun.Read(_run.Folder), ReportRun.Read(_other.Folder)], [InventedExperiment.Make()],
            [("dense", [Answer]), ("minus-2", [Answer])], [Bench], Bench.Machine));
        if (Chromium is null) return;
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox"] });
    }

    [Theory]
    [InlineData(400, ColorScheme.Light)]
    [InlineData(400, ColorScheme.Dark)]
    [InlineData(1400, ColorScheme.Light)]
    [InlineData(1400, ColorScheme.Dark)]
    public async Task It_reads_fetches_nothing_and_passes_axe(int width, ColorScheme scheme)
    {
        var page = await Open(new() { ViewportSize = new() { Width = width, Height = 900 }, ColorScheme = scheme });
        var requests = new List<string>();
        page.Request += (_, request) => requests.Add(request.Url);
        await page.GotoAsync(Page);
        Assert.Equal([Page], requests);
        Assert.Equal(0, await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"));

        // For a person to look at.
        await page.ScreenshotAsync(new() { FullPage = true, Path = Path.Combine(TestFiles.Root, "artifacts", "screenshots", $"report-{width}-{scheme}.png".ToLowerInvariant()) });
        var found = await page.RunAxe();
        Assert.NotEmpty(found.Passes);
        Assert.Empty(found.Violations.Select(violation => $"{violation.Id}: {violation.Help}: {string.Join("; ", violation.Nodes.Select(node => node.Html))}"));
    }

    [Fact]
    public async Task It_says_the_same_with_scripts_off_and_on_paper()
    {
        var with = await Open(new());
        await with.GotoAsync(Page);
        string text = await with.InnerTextAsync("body");
        var without = await Open(new() { JavaScriptEnabled = false });
        await without.GotoAsync(Page);
        Assert.Equal(text, await without.InnerTextAsync("body"));
        Assert.Contains("How sure is this", text, StringComparison.OrdinalIgnoreCase);
        Assert.True((await with.PdfAsync()).Length > 10_000);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        _folder.Dispose();
        _run.Dispose();
        _other.Dispose();
    }

    private async Task<IPage> Open(BrowserNewContextOptions options)
    {
        Assert.SkipWhen(_browser is null, "There is no Chromium here (apt-get install chromium): the report was not looked at in a browser.");
        options.Offline = true;
        return await (await _browser!.NewContextAsync(options)).NewPageAsync();
    }
}
