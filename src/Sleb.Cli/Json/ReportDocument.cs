namespace Sleb.Cli.Json;

/// <summary>What <c>sleb report</c> wrote.</summary>
internal sealed record ReportDocument(string Report);
