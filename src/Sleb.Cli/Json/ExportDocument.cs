namespace Sleb.Cli.Json;

/// <summary>What <c>sleb export</c> wrote.</summary>
internal sealed record ExportDocument(IReadOnlyList<int> RemovedBlocks, IReadOnlyList<int> Survivors, string Folder, long Bytes);
