using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Sleb.Tests.Hub;

/// <summary>
/// Answers on this machine as the hub does: the description of a revision, HEAD and GET of its files, small ones by itself, large ones
/// by a redirect to storage, which is another server.
/// </summary>
internal sealed class FakeHub : IDisposable
{
    private readonly string _repository;
    private readonly FakeServer _hub, _storage;

    public FakeHub(string repository)
    {
        _repository = repository;
        _hub = new FakeServer(AnswerHub);
        _storage = new FakeServer(AnswerStorage);
    }

    public string Endpoint => _hub.Address;

    /// <summary>Files of a commit by name. "main" is the first commit.</summary>
    public Dictionary<string, Dictionary<string, byte[]>> Commits { get; } = new() { [Commit('a')] = [] };

    public Dictionary<string, string> References { get; } = new() { ["main"] = Commit('a') };

    public Dictionary<string, byte[]> Files => Commits[Commit('a')];

    /// <summary>Without it, and without a token in the request, files are refused as gated.</summary>
    public bool Open { get; set; } = true;

    /// <summary>Small files too are sent for elsewhere, though on the same host, and only that answer tells size and hash.</summary>
    public bool RedirectsSmallFiles { get; set; }

    /// <summary>Handles a request instead, where it returns true.</summary>
    public Func<HttpListenerContext, bool>? Intercept { get; set; }

    public Func<HttpListenerContext, bool>? InterceptStorage { get; set; }

    public bool KnowsRanges { get; set; } = true;

    /// <summary>How many body bytes each of the next answers of the storage has before the connection breaks.</summary>
    public ConcurrentQueue<int> Breaks { get; } = new();

    public IReadOnlyList<FakeRequest> Requests => [.. _hub.Requests];

    public IReadOnlyList<FakeRequest> StorageRequests => [.. _storage.Requests];

    public IEnumerable<string> FilesAskedFor => Requests.Where(request => request.Path.Contains("/resolve/")).Select(request => request.Path.Split('/')[^1]).Distinct().Order(StringComparer.Ordinal);

    public static string Commit(char digit) => new(digit, 40);

    /// <summary>The name of a blob, computed here anew: SHA-256 of a large file, the git blob id of a small one.</summary>
    public static string Hash(string name, byte[] content) => Convert.ToHexStringLower(IsLarge(name)
        ? SHA256.HashData(content)
        : SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));

    public static bool IsLarge(string name) => name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(".bin", StringComparison.Ordinal);

    public void Dispose()
    {
        _hub.Dispose();
        _storage.Dispose();
    }

    private void AnswerHub(HttpListenerContext context)
    {
        if (Intercept?.Invoke(context) == true) return;
        string path = context.Request.RawUrl!;
        if (path.StartsWith($"/api/models/{_repository}/revision/", StringComparison.Ordinal)) Describe(context, Uri.UnescapeDataString(path.Split('/')[^1]));
        else if (path.StartsWith($"/{_repository}/resolve/", StringComparison.Ordinal) || path.StartsWith("/moved/", StringComparison.Ordinal)) Resolve(context, path.Split('/'));
        else Refuse(context, 401, "RepoNotFound"); // what the real one says to whoever may not know
    }

    private void Describe(HttpListenerContext context, string revision)
    {
        if ((References.GetValueOrDefault(revision) ?? revision) is var commit && !Commits.ContainsKey(commit)) Refuse(context, 404, "RevisionNotFound");
        else Send(context, JsonSerializer.SerializeToUtf8Bytes(new { id = _repository, sha = commit, siblings = Commits[commit].Keys.Select(name => new { rfilename = name }) }));
    }

    private void Resolve(HttpListenerContext context, string[] path)
    {
        var (commit, name) = (path[^2], Uri.UnescapeDataString(path[^1]));
        if (!Open && context.Request.Headers["Authorization"] is null) Refuse(context, 401, "GatedRepo");
        else if (!Commits[commit].TryGetValue(name, out byte[]? content)) Refuse(context, 404, "EntryNotFound");
        else
        {
            context.Response.AddHeader("X-Repo-Commit", commit);
            if (IsLarge(name))
            {
                context.Response.AddHeader("X-Linked-Size", content.Length.ToString(CultureInfo.InvariantCulture));
                context.Response.AddHeader("X-Linked-Etag", $"\"{Hash(name, content)}\"");
                context.Response.AddHeader("ETag", "\"0123456789012345678901234567890123456789\""); // of the pointer; not what counts
                context.Response.Redirect($"{_storage.Address}/{commit}/{name}?signature=1");
                context.Response.Close();
            }
            else if (RedirectsSmallFiles && path[1] != "moved")
            {
                context.Response.StatusCode = 307;
                context.Response.AddHeader("Location", $"/moved/{commit}/{name}");
                context.Response.Close();
            }
            else
            {
                context.Response.AddHeader("ETag", $"W/\"{Hash(name, content)}\"");
                Send(context, content);
            }
        }
    }

    private void AnswerStorage(HttpListenerContext context)
    {
        if (InterceptStorage?.Invoke(context) == true) return;
        string[] path = context.Request.Url!.AbsolutePath.Split('/');
        byte[] content = Commits[path[^2]][path[^1]];
        if (KnowsRanges && context.Request.Headers["Range"] is { } range)
        {
            int from = int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
            context.Response.StatusCode = 206;
            context.Response.AddHeader("Content-Range", $"bytes {from}-{content.Length - 1}/{content.Length}");
            content = content[from..];
        }
        Send(context, content, Breaks.TryDequeue(out int most) ? most : null);
    }

    public static void Refuse(HttpListenerContext context, int status, string? code = null)
    {
        context.Response.StatusCode = status;
        if (code is not null) context.Response.AddHeader("X-Error-Code", code);
        context.Response.Close();
    }

    public static void Send(HttpListenerContext context, byte[] content, int? most = null)
    {
        context.Response.ContentLength64 = content.Length;
        if (context.Request.HttpMethod != "HEAD")
        {
            context.Response.OutputStream.Write(content, 0, Math.Min(content.Length, most ?? content.Length));
            context.Response.OutputStream.Flush();
        }
        if (most < content.Length) context.Response.Abort();
        else context.Response.Close();
    }
}
