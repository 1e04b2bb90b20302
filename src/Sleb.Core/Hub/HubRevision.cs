namespace Sleb.Core.Hub;

/// <summary>What a revision is at the moment: a commit, and the names of the files in it.</summary>
internal sealed record HubRevision(string Commit, IReadOnlyList<string> Files);
