using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Sleb.Tests.Cli;

namespace Sleb.Tests;

/// <summary>The serving sample on the embedded model, as its readers start it.</summary>
public sealed partial class ServingTests(DenseFolder dense) : IClassFixture<DenseFolder>, IDisposable
{
    private readonly List<Process> _servers = [];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_conversation_is_answered_at_once_or_piece_by_piece_with_the_same_words()
    {
        using var http = await Start(queue: 8);
        using var healthy = await http.GetAsync("/health", Cancelled);
        Assert.Equal((HttpStatusCode.OK, "Healthy"), (healthy.StatusCode, await healthy.Content.ReadAsStringAsync(Cancelled)));

        string text = await Ask(http);
        var expected = SlebCli.Run("generate", dense.Path, "--prompt", "The door opened, and", "--max-new-tokens", "12", "--json").Json.GetProperty("text").GetString();
        Assert.Equal(expected, text);

        var pieces = new List<string>();
        using var response = await http.SendAsync(Request(stream: true, maxTokens: 12), HttpCompletionOption.ResponseHeadersRead, Cancelled);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        await foreach (var item in System.Net.ServerSentEvents.SseParser.Create(await response.Content.ReadAsStreamAsync(Cancelled)).EnumerateAsync(Cancelled))
            pieces.Add(JsonNode.Parse(item.Data)!["text"]!.GetValue<string>());
        Assert.True(pieces.Count(piece => piece.Length > 0) > 3, string.Join('|', pieces));
        Assert.Equal(text, string.Concat(pieces));
    }

    [Fact]
    public async Task Who_does_not_fit_the_queue_is_told_so_and_who_goes_away_makes_room()
    {
        using var http = await Start(queue: 0);
        using (var first = await http.SendAsync(Request(stream: true, maxTokens: 900, "It was a"), HttpCompletionOption.ResponseHeadersRead, Cancelled))
        {
            using var stream = await first.Content.ReadAsStreamAsync(Cancelled);
            Assert.True(await stream.ReadAsync(new byte[1], Cancelled) == 1);
            using var second = await http.SendAsync(Request(stream: false, maxTokens: 1), Cancelled);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, second.StatusCode);
        }
        // The first has gone away in the middle of its answer: its place becomes free long before 900 tokens are written.
        var time = Stopwatch.StartNew();
        while (true)
        {
            using var next = await http.SendAsync(Request(stream: false, maxTokens: 1), Cancelled);
            if (next.StatusCode == HttpStatusCode.OK) break;
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(30), "The place of a client that went away was not given on.");
            await Task.Delay(20, Cancelled);
        }
    }

    public void Dispose() => _servers.ForEach(server =>
    {
        server.Kill();
        server.WaitForExit();
        server.Dispose();
    });

    private static async Task<string> Ask(HttpClient http)
    {
        using var response = await http.SendAsync(Request(stream: false, maxTokens: 12), Cancelled);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonObject>(Cancelled))!["text"]!.GetValue<string>();
    }

    /// <param name="prompt">"It was a" goes on to the end of the context; the default one ends after some words.</param>
    private static HttpRequestMessage Request(bool stream, int maxTokens, string prompt = "The door opened, and") => new(HttpMethod.Post, "/chat")
    {
        Content = JsonContent.Create(new { messages = new[] { new { role = "user", content = prompt } }, maxTokens, stream }),
    };

    private async Task<HttpClient> Start(int queue)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Sleb.Serving.dll"), "--Model", dense.Path, "--Queue", $"{queue}", "--urls", "http://127.0.0.1:0"])
        { RedirectStandardOutput = true, WorkingDirectory = Path.GetTempPath() };
        var server = Process.Start(start)!;
        _servers.Add(server);
        while (await server.StandardOutput.ReadLineAsync(Cancelled) is { } line)
            if (Address().Match(line) is { Success: true } address)
            {
                _ = server.StandardOutput.ReadToEndAsync(Cancelled); // a full pipe would stop it
                return new HttpClient { BaseAddress = new(address.Value) };
            }
        throw new InvalidOperationException("The server ended before it listened.");
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();
}
