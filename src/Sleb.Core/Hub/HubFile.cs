namespace Sleb.Core.Hub;

/// <summary>A file of a repository as the hub announces it. The ETag is the SHA-256 of a large file, the git blob id of a small one.</summary>
internal sealed record HubFile(string Name, string ETag, long Bytes);
