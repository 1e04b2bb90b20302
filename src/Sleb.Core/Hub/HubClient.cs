using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Hub;

/// <summary>The three questions to a hub: what is a revision, how large is a file and what is its hash, and its bytes from somewhere on.</summary>
internal sealed class HubClient : IDisposable
{
    private const int MostRedirects = 10;

    /// <summary>A repository of many thousand files; what is longer is no answer of a hub.</summary>
    private const int MostAnswerBytes = 64 << 20;

    private readonly HubSettings _settings;
    private readonly HubId _id;
    private readonly Uri _endpoint;
    private readonly HttpClient _http;

    /// <exception cref="InvalidOperationException">The endpoint is no address, or the token no text for a header.</exception>
    public HubClient(HubSettings settings, HubId id)
    {
        _settings = settings;
        _id = id;
        _endpoint = Uri.TryCreate(settings.Endpoint, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? address!
            : throw new InvalidOperationException($"HF_ENDPOINT is '{Excerpt.Of(settings.Endpoint)}'; an address such as https://huggingface.co is expected.");
        if (settings.Token?.All(c => c is > ' ' and <= '~') == false)
            throw new InvalidOperationException("HF_TOKEN (or the token file) holds characters that no token has; copy it again.");
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = HubStall.Patience })
        {
            Timeout = Timeout.InfiniteTimeSpan, // a large file takes as long as it takes; HubStall looks for silence
        };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("sleb", typeof(HubClient).Assembly.GetName().Version?.ToString(3)));
    }

    /// <summary>The commit and the files of the id's revision.</summary>
    public async Task<HubRevision> ReadRevision(CancellationToken cancellationToken)
    {
        using var stall = new HubStall(_settings.Time, cancellationToken);
        var address = Address($"api/models/{_id.Repository}/revision/{Uri.EscapeDataString(_id.Revision)}");
        using var response = await Send(() => new(HttpMethod.Get, address), null, follow: true, stall);
        byte[] answer = await stall.Watch(token => ReadAll(response, token), e => HubErrors.Broken(_endpoint, "describing " + _id, e));
        try
        {
            var json = JsonNode.Parse(answer);
            string commit = json!["sha"]!.GetValue<string>();
            var files = json["siblings"]!.AsArray().Select(file => file!["rfilename"]!.GetValue<string>()).ToList();
            if (HubCache.IsCommitName(commit)) return new(commit, files);
        }
        catch (Exception e) when (e is JsonException or NullReferenceException or InvalidOperationException or ArgumentException)
        {
            // The sentence below says what a person can do about it; the parser's own would not.
        }
        throw new CheckpointException($"{address} answers with something that is no description of a model; check HF_ENDPOINT.");
    }

    /// <summary>Size and hash of a file.</summary>
    public async Task<HubFile> ReadFile(string commit, string name, CancellationToken cancellationToken)
    {
        using var stall = new HubStall(_settings.Time, cancellationToken);
        var address = FileAddress(commit, name);
        // The first answer has what counts in X-Linked headers where it sends elsewhere for the bytes, and plainly where it does not.
        using var first = await Send(() => new(HttpMethod.Head, address), name, follow: false, stall);
        bool elsewhere = IsRedirect(first) && (Header(first, "X-Linked-Size") is null || Header(first, "X-Linked-Etag") is null);
        using var last = elsewhere ? await Send(() => new(HttpMethod.Head, address), name, follow: true, stall) : null;
        if (Header(first, "X-Repo-Commit") is { } found && found != commit)
            throw new CheckpointException($"The hub holds {name} of {_id} at commit {Excerpt.Of(found)} where {commit} was asked for; try again.");
        string? etag = Hash(Header(first, "X-Linked-Etag") ?? Header(last ?? first, "X-Linked-Etag") ?? Header(last ?? first, "ETag"));
        if (etag is null) throw new CheckpointException($"{address} comes without an ETag that is a hash (SHA-256, or the git id), so the file could not be checked; check HF_ENDPOINT.");
        long? size = long.TryParse(Header(first, "X-Linked-Size") ?? Header(last ?? first, "X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out long linked) ? linked
            : (last ?? first).Content.Headers.ContentLength;
        return new(name, etag, size ?? throw new CheckpointException($"{address} does not say how long the file is; check HF_ENDPOINT."));
    }

    /// <summary>A file's bytes from an offset on; the answer says whether the server begins there (206) or at the start (200).</summary>
    public Task<HttpResponseMessage> Open(string commit, string name, long from, HubStall stall) => Send(() =>
    {
        var request = new HttpRequestMessage(HttpMethod.Get, FileAddress(commit, name));
        if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
        return request;
    }, name, follow: true, stall);

    /// <summary>A connection that broke while a file's bytes came.</summary>
    public HubConnectionException Broken(string name, Exception? inner) => HubErrors.Broken(_endpoint, name, inner);

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> Send(Func<HttpRequestMessage> create, string? file, bool follow, HubStall stall)
    {
        Uri? elsewhere = null;
        for (int redirects = 0; redirects <= MostRedirects; redirects++)
        {
            using var request = create();
            if (elsewhere is not null) request.RequestUri = elsewhere;
            // A redirect leads to storage of another owner, with rights of its own in the address: the token is none of its business.
            if (_settings.Token is { } secret && IsEndpoint(request.RequestUri!)) request.Headers.Authorization = new("Bearer", secret);
            var response = await stall.Watch(token => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), e => HubErrors.Unreachable(request.RequestUri!, e));
            if (IsRedirect(response) && !follow) return response;
            if (response.IsSuccessStatusCode) return response;
            using (response)
            {
                if (!IsRedirect(response)) throw HubErrors.Of(response, _id, _endpoint, file, _settings.Token is not null);
                elsewhere = response.Headers.Location is { } location ? new Uri(request.RequestUri!, location) : null;
                if (elsewhere?.Scheme is not ("http" or "https")) throw new CheckpointException($"{request.RequestUri!.Authority} redirects to nowhere; check HF_ENDPOINT.");
            }
        }
        throw new CheckpointException($"{_endpoint.Authority} redirects more than {MostRedirects} times; check HF_ENDPOINT.");
    }

    private static async Task<byte[]> ReadAll(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await response.Content.LoadIntoBufferAsync(MostAnswerBytes, cancellationToken);
        return await response.Content.ReadAsByteArrayAsync(cancellationToken);
    }

    private Uri FileAddress(string commit, string name) => Address($"{_id.Repository}/resolve/{commit}/{Uri.EscapeDataString(name)}");

    private Uri Address(string path) => new($"{_endpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    private bool IsEndpoint(Uri address) => (address.Scheme, address.Host, address.Port) == (_endpoint.Scheme, _endpoint.Host, _endpoint.Port);

    private static bool IsRedirect(HttpResponseMessage response) => response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    // As it came: an ETag without quotes is no ETag to the typed property.
    private static string? Header(HttpResponseMessage response, string name) => response.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    private static string? Hash(string? etag)
    {
        string? hash = etag?.Replace("W/", "", StringComparison.Ordinal).Trim('"').ToLowerInvariant();
        return hash?.Length is BlobHash.Sha1Length or BlobHash.Sha256Length && hash.All(char.IsAsciiHexDigitLower) ? hash : null;
    }
}
