using System.Diagnostics;
using System.Text.RegularExpressions;
using Sleb.Tests.Cli;

namespace Sleb.Tests;

/// <summary>The embedded model behind the serving sample, started as its readers start it; one server for all tests of a class, and more where a test asks.</summary>
public sealed partial class ServedFolder : IDisposable
{
    private readonly DenseFolder _dense = new();
    private readonly List<Process> _servers = [];
    private HttpClient? _shared;

    public string Path => _dense.Path;

    /// <summary>A server whose queue holds 8.</summary>
    public async Task<HttpClient> Shared() => _shared ??= await Start(queue: 8);

    public async Task<HttpClient> Start(int queue, string? folder = null)
    {
        var start = new ProcessStartInfo("dotnet", [System.IO.Path.Combine(AppContext.BaseDirectory, "Sleb.Serving.dll"), "--Model", folder ?? Path, "--Queue", $"{queue}", "--urls", "http://127.0.0.1:0"])
        { RedirectStandardOutput = true, WorkingDirectory = System.IO.Path.GetTempPath() };
        var server = Process.Start(start)!;
        _servers.Add(server);
        while (await server.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            if (Address().Match(line) is { Success: true } address)
            {
                _ = server.StandardOutput.ReadToEndAsync(CancellationToken.None); // a full pipe would stop it
                return new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = new(address.Value) }; // who disposes an answer goes away at once
            }
        throw new InvalidOperationException("The server ended before it listened.");
    }

    public void Dispose()
    {
        _shared?.Dispose();
        foreach (var server in _servers)
        {
            server.Kill();
            server.WaitForExit();
            server.Dispose();
        }
        _dense.Dispose();
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();
}
