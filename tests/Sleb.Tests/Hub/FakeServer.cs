using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Sleb.Tests.Hub;

/// <summary>An HTTP server on a free port of this machine that remembers what it was asked.</summary>
internal sealed class FakeServer : IDisposable
{
    private readonly HttpListener _listener;
    private readonly Action<HttpListenerContext> _answer;

    public FakeServer(Action<HttpListenerContext> answer)
    {
        _answer = answer;
        (_listener, Address) = Listen();
        _ = Serve();
    }

    public string Address { get; }

    public ConcurrentQueue<FakeRequest> Requests { get; } = new();

    /// <summary>A port that nobody listens on.</summary>
    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    public void Dispose() => _listener.Close();

    private static (HttpListener, string) Listen()
    {
        for (int attempt = 1; ; attempt++)
        {
            string address = $"http://127.0.0.1:{FreePort()}";
            var listener = new HttpListener { Prefixes = { address + "/" } };
            try
            {
                listener.Start();
                return (listener, address);
            }
            catch (HttpListenerException) when (attempt < 10)
            {
                // Another test was faster with this port.
            }
        }
    }

    private async Task Serve()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return; // closed
            }
            var request = context.Request;
            Requests.Enqueue(new(request.HttpMethod, request.RawUrl!, request.Headers["Authorization"], request.Headers["Range"]));
            _ = Task.Run(() => Answer(context));
        }
    }

    private void Answer(HttpListenerContext context)
    {
        try
        {
            _answer(context);
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException)
        {
            // The client went away.
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e); // shows in the test's output; the client sees a failure
            context.Response.Abort();
        }
    }
}
