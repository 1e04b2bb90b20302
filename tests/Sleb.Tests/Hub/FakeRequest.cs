namespace Sleb.Tests.Hub;

/// <summary>What a server was asked.</summary>
internal sealed record FakeRequest(string Method, string Path, string? Authorization, string? Range);
