using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Sleb.Core.Tokenization;
using Sleb.Tests.Cli;

namespace Sleb.Tests;

/// <summary>The serving sample on the embedded model, as its readers start it.</summary>
public sealed class ServingTests(ServedFolder served) : IClassFixture<ServedFolder>
{
    private const string Prompt = "The door opened, and"; // the model ends its text after some words
    private const string Endless = "It was a"; // and goes on here to the end of the context

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_conversation_is_answered_at_once_or_piece_by_piece_with_the_same_words()
    {
        var http = await served.Shared();
        using var healthy = await http.GetAsync("/health", Cancelled);
        Assert.Equal((HttpStatusCode.OK, "Healthy"), (healthy.StatusCode, await healthy.Content.ReadAsStringAsync(Cancelled)));

        string text = await Ask(http);
        Assert.Equal(Generated(), text);

        var pieces = new List<string>();
        using var response = await http.SendAsync(Request(Prompt, 12, stream: true), HttpCompletionOption.ResponseHeadersRead, Cancelled);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        await foreach (var item in System.Net.ServerSentEvents.SseParser.Create(await response.Content.ReadAsStreamAsync(Cancelled)).EnumerateAsync(Cancelled))
            pieces.Add(JsonNode.Parse(item.Data)!["text"]!.GetValue<string>());
        Assert.True(pieces.Count(piece => piece.Length > 0) > 3, string.Join('|', pieces));
        Assert.Equal(text, string.Concat(pieces));
    }

    [Fact]
    public async Task A_prompt_that_ends_in_the_folders_pad_token_is_read_to_its_end()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(served.Path)) File.Copy(file, folder[Path.GetFileName(file)]);
        var config = JsonNode.Parse(File.ReadAllText(folder["genai_config.json"]))!;
        config["model"]!["pad_token_id"] = HuggingFaceTokenizer.Load(served.Path).Encode(Prompt)[^1];
        File.WriteAllText(folder["genai_config.json"], config.ToJsonString());
        using var http = await served.Start(queue: 8, folder.Path);
        Assert.Equal(Generated(), await Ask(http));
    }

    public static TheoryData<string, string> WrongRequests => new()
    {
        { """{}""", "There are no messages; give at least one, with a role and a content." },
        { """{"messages":[]}""", "There are no messages; give at least one, with a role and a content." },
        { """{"messages":[null]}""", "A message has no role, or one that is not known; a role is user, assistant or system." },
        { """{"messages":[{"content":"Hello"}]}""", "A message has no role, or one that is not known; a role is user, assistant or system." },
        { """{"messages":[{"role":"critic","content":"Hello"}]}""", "A message has no role, or one that is not known; a role is user, assistant or system." },
        { """{"messages":[{"role":"user","content":"Hello"},{"role":"user","content":""}]}""", "A message has no content; leave it out, or say something." },
        { """{"messages":[{"role":"user"}]}""", "A message has no content; leave it out, or say something." },
        { """{"messages":[{"role":"user","content":"Hello"}],"maxTokens":0}""", "maxTokens is 0; it must be at least 1." },
    };

    [Theory, MemberData(nameof(WrongRequests))]
    public async Task A_wrong_request_is_refused_in_a_sentence(string request, string sentence)
    {
        var http = await served.Shared();
        using var response = await http.PostAsync("/chat", new StringContent(request, null, "application/json"), Cancelled);
        await AssertRefused(sentence, response);
    }

    [Theory]
    [InlineData(1023, false)]
    [InlineData(1024, false)]
    [InlineData(1024, true)]
    [InlineData(3000, true)]
    public async Task A_conversation_that_leaves_no_room_for_an_answer_is_refused_in_a_sentence(int tokens, bool stream)
    {
        string said = string.Concat(Enumerable.Repeat(" a", tokens));
        Assert.Equal(tokens, HuggingFaceTokenizer.Load(served.Path).Encode(said).Length);
        var http = await served.Shared();
        using var response = await http.SendAsync(Request(said, int.MaxValue, stream), Cancelled);
        if (tokens < 1024) Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else await AssertRefused($"The conversation has {tokens} tokens and the model's context holds 1024, the answer included; shorten it.", response);
    }

    [Fact]
    public async Task Who_does_not_fit_the_queue_is_told_so_and_who_is_in_it_waits()
    {
        using var http = await served.Start(queue: 1);
        var first = await Begin(http);
        Task<HttpResponseMessage>[] others = [http.SendAsync(Request(Prompt, 12), Cancelled), http.SendAsync(Request(Prompt, 12), Cancelled)];
        var refused = await Task.WhenAny(others);
        var waiting = others.Single(other => other != refused);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await refused).StatusCode);
        Assert.False(waiting.IsCompleted);
        first.Dispose();
        Assert.Equal(Generated(), await Text(await waiting));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_goes_away_makes_room(bool stream)
    {
        using var http = await served.Start(queue: 1);
        await Ask(http); // warms up
        var time = Stopwatch.StartNew();
        using (var whole = await http.SendAsync(Request(Endless, 900, stream), Cancelled)) Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
        var answer = time.Elapsed;

        using var gone = new CancellationTokenSource();
        var first = http.SendAsync(Request(Endless, 900, stream), gone.Token);
        await Task.Delay(answer / 8, Cancelled);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        time.Restart();
        await Ask(http); // waits for its place
        Assert.True(time.Elapsed < answer / 2, $"A whole answer takes {answer}, and the place of a client that went away early was given on after {time.Elapsed}.");
    }

    /// <summary>What the model writes behind <see cref="Prompt"/>, by the command line.</summary>
    private string Generated() =>
        SlebCli.Run("generate", served.Path, "--prompt", Prompt, "--max-new-tokens", "12", "--json").Json.GetProperty("text").GetString()!;

    private static async Task<string> Ask(HttpClient http) => await Text(await http.SendAsync(Request(Prompt, 12), Cancelled));

    private static async Task<string> Text(HttpResponseMessage response)
    {
        using (response)
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return (await response.Content.ReadFromJsonAsync<JsonObject>(Cancelled))!["text"]!.GetValue<string>();
        }
    }

    /// <summary>An answer of 900 tokens that has begun; disposing it is going away.</summary>
    private static async Task<HttpResponseMessage> Begin(HttpClient http)
    {
        var response = await http.SendAsync(Request(Endless, 900, stream: true), HttpCompletionOption.ResponseHeadersRead, Cancelled);
        Assert.Equal(1, await (await response.Content.ReadAsStreamAsync(Cancelled)).ReadAsync(new byte[1], Cancelled));
        return response;
    }

    private static async Task AssertRefused(string sentence, HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(sentence, (await response.Content.ReadFromJsonAsync<JsonObject>(Cancelled))!["detail"]!.GetValue<string>());
    }

    private static HttpRequestMessage Request(string prompt, int maxTokens, bool stream = false) => new(HttpMethod.Post, "/chat")
    {
        Content = JsonContent.Create(new { messages = new[] { new { role = "user", content = prompt } }, maxTokens, stream }),
    };
}
